; Tray Proxy's installer for Windows: for the user who runs it, without an administrator's rights.
;
;   makensis -DVERSION=1.2.0 -DSOURCE=dist/tray-proxy packaging/windows/installer.nsi
;
;   VERSION   the program's, as three numbers
;   SOURCE    the folder that packaging/pyinstaller.spec built on Windows; from the project's folder on, as OUTPUT
;   OUTPUT    the installer; dist/tray-proxy-VERSION-setup.exe where it is not given
;   TARGET    amd64-unicode where it is not given. Debian's and Ubuntu's nsis has what that needs
;
; What it takes on its own command line: /S asks nothing; /D=C:\folder, last and without quotes, says where to.
; Its status is 0 when it is done, 1 when somebody cancelled, 2 when it failed: then the old version is still there.
;
; New files are unpacked beside the old ones, and take their places only when all of them are there and no copy runs.

Unicode true
!ifndef TARGET
  !define TARGET amd64-unicode
!endif
Target ${TARGET}
; It begins in the folder of this script.
!cd ../..
!ifndef OUTPUT
  !define OUTPUT "dist/tray-proxy-${VERSION}-setup.exe"
!endif

!define NAME "Tray Proxy"
!define EXE "tray-proxy.exe"
!define CONSOLE_EXE "tray-proxy-cli.exe"
!define UNINSTALLER "uninstall-tray-proxy.exe"
!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\${NAME}"
; As tray_proxy/autostart.py has them.
!define RUN_KEY "Software\Microsoft\Windows\CurrentVersion\Run"
!define APPROVED_KEY "Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
!define SHORTCUT "$SMPROGRAMS\${NAME}.lnk"
; Below the program's own folder, while it is installed: what comes, and what goes.
!define NEW "$INSTDIR\_new"
!define OLD "$INSTDIR\_old"
!define FAILED 2

Name "${NAME}"
OutFile "${OUTPUT}"
InstallDir "$LOCALAPPDATA\Programs\${NAME}"
; Where it is installed already, there it stays.
InstallDirRegKey HKCU "${UNINSTALL_KEY}" "InstallLocation"
RequestExecutionLevel user
ManifestSupportedOS all
ManifestDPIAware true
SetCompressor /SOLID lzma
SetCompressorDictSize 32
AllowSkipFiles off
ShowInstDetails nevershow
ShowUninstDetails nevershow
BrandingText "${NAME} ${VERSION}"

VIProductVersion "${VERSION}.0"
VIAddVersionKey "ProductName" "${NAME}"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "CompanyName" "${NAME}"
VIAddVersionKey "FileDescription" "${NAME} Setup"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "LegalCopyright" "MIT"

!include MUI2.nsh
!include FileFunc.nsh
!include LogicLib.nsh

; Where the registry says that it is installed; empty where it is not.
Var Installed
; With which words a copy is started again that was stopped; empty where none ran.
Var StartAgain
; The folder of the copy that was stopped.
Var RanIn
; Whether settings and key go, too.
Var Forget
Var Checkbox

!define MUI_ICON "assets/icons/tray-proxy.ico"
!define MUI_UNICON "assets/icons/tray-proxy.ico"
!define MUI_HEADERIMAGE
!define MUI_HEADERIMAGE_RIGHT
!define MUI_HEADERIMAGE_BITMAP "packaging/windows/header-1x.bmp"
!define MUI_HEADERIMAGE_UNBITMAP "packaging/windows/header-1x.bmp"
!define MUI_WELCOMEFINISHPAGE_BITMAP "packaging/windows/side-1x.bmp"
!define MUI_CUSTOMFUNCTION_GUIINIT TakeLargePictures
!define MUI_CUSTOMFUNCTION_UNGUIINIT un.TakeLargePictures

!define MUI_PAGE_HEADER_TEXT "Install ${NAME} ${VERSION}"
!define MUI_PAGE_HEADER_SUBTEXT "OpenRouter's models for every app that speaks Ollama."
!define MUI_DIRECTORYPAGE_TEXT_TOP "${NAME} is installed for you alone, and needs no administrator.$\r$\n$\r$\nA version \
  that is here already is replaced; your settings stay, and a copy that runs is ended for it."
!define MUI_DIRECTORYPAGE_TEXT_DESTINATION "Where to"
!define MUI_PAGE_CUSTOMFUNCTION_LEAVE ChooseOwnFolder
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!define MUI_FINISHPAGE_TITLE "${NAME} is installed"
!define MUI_FINISHPAGE_TEXT "Its icon shows near the clock. Windows may hide it behind the arrow in the taskbar: drag it \
  out from there once.$\r$\n$\r$\nWhen it opens, a page in your browser leads through the rest."
!define MUI_FINISHPAGE_RUN
!define MUI_FINISHPAGE_RUN_TEXT "Open ${NAME} now"
!define MUI_FINISHPAGE_RUN_FUNCTION OpenIt
!define MUI_FINISHPAGE_NOREBOOTSUPPORT
!insertmacro MUI_PAGE_FINISH

UninstPage custom un.AskWhatGoes un.NoteWhatGoes
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

; Say what is being done, in place of each file's name.
!macro Tell Words
  SetDetailsPrint textonly
  DetailPrint "${Words}"
  SetDetailsPrint none
!macroend

; Do something with each part of the program, by its name in its folder.
!macro ForEachPart Do
  !insertmacro ${Do} "${EXE}"
  !insertmacro ${Do} "${CONSOLE_EXE}"
  !insertmacro ${Do} "_internal"
  !insertmacro ${Do} "${UNINSTALLER}"
!macroend

!macro SetAside Part
  ${If} ${FileExists} "$INSTDIR\${Part}"
    Rename "$INSTDIR\${Part}" "${OLD}\${Part}"
  ${EndIf}
!macroend

!macro PutInPlace Part
  Rename "${NEW}\${Part}" "$INSTDIR\${Part}"
!macroend

!macro PutBack Part
  ${If} ${FileExists} "${OLD}\${Part}"
    Rename "$INSTDIR\${Part}" "${NEW}\${Part}"
    Rename "${OLD}\${Part}" "$INSTDIR\${Part}"
  ${EndIf}
!macroend

; Remove a part from the folder $R0, whether it is a file or a folder.
!macro Remove Part
  Delete "$R0\${Part}"
  RMDir /r "$R0\${Part}"
!macroend

; Functions that installer and uninstaller have both.
!macro Functions un

; Windows would enlarge small pictures, and blur them.
Function ${un}TakeLargePictures
  System::Call 'user32::GetDpiForSystem() i .r0'
  ${If} $0 != error
  ${AndIf} $0 >= 144
    File "/oname=$PLUGINSDIR\modern-header.bmp" "packaging/windows/header-2x.bmp"
    SetBrandingImage /IMGID=1046 /RESIZETOFIT "$PLUGINSDIR\modern-header.bmp"
    !if "${un}" == ""
      File "/oname=$PLUGINSDIR\modern-wizard.bmp" "packaging/windows/side-2x.bmp"
    !endif
  ${EndIf}
FunctionEnd

; Count the processes of the program in the folder $R0: $R1 those with an icon, $R2 all. Where $R3 is "end", end them.
; By their files, since a program of another folder may have the same name.
Function ${un}LookForCopies
  StrCpy $R1 0
  StrCpy $R2 0
  System::Call '*(&i16384) p .r5'
  System::Call 'kernel32::K32EnumProcesses(p r5, i 16384, *i 0 r6) i .r7'
  IntOp $6 $6 / 4
  StrCpy $7 0
  ${While} $7 < $6
    IntOp $8 $7 * 4
    IntPtrOp $8 $5 + $8
    System::Call '*$8(i .r9)'
    ; SYNCHRONIZE, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_TERMINATE
    System::Call 'kernel32::OpenProcess(i 0x101001, i 0, i r9) p .r8'
    ${If} $8 P<> 0
      System::Call 'kernel32::QueryFullProcessImageNameW(p r8, i 0, w .r9, *i ${NSIS_MAX_STRLEN}) i .r4'
      ${If} $4 <> 0
        ; One that has ended is in the list as long as somebody asks about it: WAIT_TIMEOUT is one that runs.
        System::Call 'kernel32::WaitForSingleObject(p r8, i 0) i .r4'
        StrCpy $3 other
        ${If} $4 <> 258
        ${ElseIf} $9 == "$R0\${EXE}"
          IntOp $R1 $R1 + 1
          StrCpy $3 ours
        ${ElseIf} $9 == "$R0\${CONSOLE_EXE}"
          StrCpy $3 ours
        ${EndIf}
        ${If} $3 == ours
          IntOp $R2 $R2 + 1
          ${If} $R3 == end
            System::Call 'kernel32::TerminateProcess(p r8, i 1)'
            System::Call 'kernel32::WaitForSingleObject(p r8, i 5000)'
          ${EndIf}
        ${EndIf}
      ${EndIf}
      System::Call 'kernel32::CloseHandle(p r8)'
    ${EndIf}
    IntOp $7 $7 + 1
  ${EndWhile}
  System::Free $5
FunctionEnd

; Stop what runs of the program in the folder $R0: it is asked to end, the demo too, and ended only where that fails.
Function ${un}StopCopies
  GetFullPathName $R0 $R0
  StrCpy $R3 ""
  Call ${un}LookForCopies
  ${If} $R1 > 0
  ${AndIf} $StartAgain == ""
    StrCpy $RanIn $R0
  ${EndIf}
  ${If} $R2 > 0
    StrCpy $R4 $R1
    ; The one with a console shows no window with what went wrong, for which somebody would have to be there.
    nsExec::Exec /TIMEOUT=20000 '"$R0\${CONSOLE_EXE}" --quit'
    Pop $0
    Call ${un}LookForCopies
    ${If} $R1 < $R4
      StrCpy $StartAgain "--background"
    ${EndIf}
  ${EndIf}
  ${If} $R2 > 0
    StrCpy $R4 $R1
    nsExec::Exec /TIMEOUT=20000 '"$R0\${CONSOLE_EXE}" --demo --quit'
    Pop $0
    Call ${un}LookForCopies
    ${If} $R1 < $R4
    ${AndIf} $StartAgain == ""
      StrCpy $StartAgain "--demo --background"
    ${EndIf}
  ${EndIf}
  ${If} $R2 > 0
    ${If} $R1 > 0
    ${AndIf} $StartAgain == ""
      StrCpy $StartAgain "--background"
    ${EndIf}
    StrCpy $R3 end
    Call ${un}LookForCopies
  ${EndIf}
FunctionEnd

; Give in $0 the words after the program in the value for the start at login; "other" where that starts another one.
Function ${un}ReadRunValue
  ReadRegStr $1 HKCU "${RUN_KEY}" "${NAME}"
  StrCpy $2 '"$R0\${EXE}"'
  StrLen $3 $2
  StrCpy $4 $1 $3
  StrCpy $0 other
  ${If} $4 == $2
    StrCpy $0 $1 "" $3
  ${EndIf}
FunctionEnd

; A second one at the same time would be in the way of the first.
Function ${un}BeTheOnlyOne
  System::Call 'kernel32::CreateMutexW(p 0, i 0, w "Local\${NAME} Setup") p .r0 ?e'
  Pop $0
  ${If} $0 = 183
    MessageBox MB_OK|MB_ICONEXCLAMATION "${NAME} is being installed or removed already." /SD IDOK
    SetErrorLevel ${FAILED}
    Quit
  ${EndIf}
FunctionEnd

!macroend
!insertmacro Functions ""
!insertmacro Functions "un."

; -- Install -----------------------------------------------------------------------------------------

Function .onInit
  Call BeTheOnlyOne
  ReadRegStr $Installed HKCU "${UNINSTALL_KEY}" "InstallLocation"
  ${IfNot} ${FileExists} "$Installed\${EXE}"
    StrCpy $Installed ""
  ${EndIf}
FunctionEnd

; Never in the midst of somebody else's files, which would go with ours one day.
Function ChooseOwnFolder
  ${IfNot} ${FileExists} "$INSTDIR\${EXE}"
  ${AndIfNot} ${FileExists} "$INSTDIR\${UNINSTALLER}"
    ${DirState} "$INSTDIR" $0
    ${If} $0 = 1
      StrCpy $INSTDIR "$INSTDIR\${NAME}"
    ${EndIf}
  ${EndIf}
FunctionEnd

; Run it where a start at login does: in no folder of its own, which it would hold on to.
Function OpenIt
  SetOutPath $SYSDIR
  Exec '"$INSTDIR\${EXE}"'
FunctionEnd

Function GiveUp
  ; What was stopped goes on as it was.
  ${If} $StartAgain != ""
    SetOutPath $SYSDIR
    Exec '"$RanIn\${EXE}" $StartAgain'
  ${EndIf}
  SetErrorLevel ${FAILED}
FunctionEnd

Function .onInstFailed
  SetOutPath $SYSDIR
  RMDir /r "${NEW}"
  RMDir "${OLD}"
  RMDir "$INSTDIR"
FunctionEnd

Section
  Call ChooseOwnFolder
  ${If} ${FileExists} "${OLD}\${EXE}"
  ${AndIfNot} ${FileExists} "$INSTDIR\${EXE}"
    ; The computer was switched off in the midst of it.
    !insertmacro ForEachPart PutBack
  ${EndIf}
  RMDir /r "${NEW}"
  RMDir /r "${OLD}"

  !insertmacro Tell "Unpacking…"
  ClearErrors
  SetOutPath "${NEW}"
  GetTempFileName $R6 "${NEW}"
  ${If} ${Errors}
    MessageBox MB_OK|MB_ICONSTOP "Nothing can be written to this folder:$\r$\n$INSTDIR$\r$\n$\r$\nChoose another one." /SD IDOK
    SetErrorLevel ${FAILED}
    Abort
  ${EndIf}
  ; A folder has many names: short ones, links, letters of drives. It is the same one where that file shows in it, too;
  ; the name that it was installed by stays.
  ${GetFileName} $R6 $R6
  ${If} $Installed != ""
  ${AndIf} ${FileExists} "$Installed\_new\$R6"
    StrCpy $INSTDIR $Installed
  ${EndIf}
  File /r "${SOURCE}\*"
  WriteUninstaller "${NEW}\${UNINSTALLER}"
  ${GetSize} "${NEW}" "/S=0K" $R5 $0 $1
  SetOutPath $SYSDIR

  !insertmacro Tell "Stopping the copy that runs…"
  ${If} $Installed != ""
    StrCpy $R0 $Installed
    Call StopCopies
  ${EndIf}
  StrCpy $R0 $INSTDIR
  Call StopCopies

  !insertmacro Tell "Putting the new files in place…"
  CreateDirectory "${OLD}"
  ; A virus scanner may hold a file for a moment.
  StrCpy $R6 0
  ${Do}
    ClearErrors
    !insertmacro ForEachPart SetAside
    ${IfNot} ${Errors}
      !insertmacro ForEachPart PutInPlace
      ${IfNot} ${Errors}
        ${Break}
      ${EndIf}
    ${EndIf}
    !insertmacro ForEachPart PutBack
    IntOp $R6 $R6 + 1
    ${If} $R6 < 6
      Sleep 500
    ${Else}
      MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "Another program uses files of ${NAME} in$\r$\n$INSTDIR$\r$\n$\r$\nClose \
        it, and try again. Until then the version that was here stays as it is." /SD IDCANCEL IDRETRY again
      Call GiveUp
      Abort
      again:
    ${EndIf}
  ${Loop}
  RMDir /r "${OLD}"
  RMDir /r "${NEW}"

  ${If} $Installed != ""
  ${AndIf} $Installed != $INSTDIR
    ; It has moved: what starts at login moves along, and nothing is left where it was.
    StrCpy $R0 $Installed
    Call ReadRunValue
    ${If} $0 != other
      WriteRegStr HKCU "${RUN_KEY}" "${NAME}" '"$INSTDIR\${EXE}"$0'
    ${EndIf}
    !insertmacro ForEachPart Remove
    RMDir $Installed
  ${EndIf}

  CreateShortcut /NoWorkingDir "${SHORTCUT}" "$INSTDIR\${EXE}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayName" "${NAME}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayIcon" "$INSTDIR\${EXE}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "Publisher" "${NAME}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\${UNINSTALLER}"'
  WriteRegStr HKCU "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\${UNINSTALLER}" /S'
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "EstimatedSize" $R5
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoRepair" 1

  ; Where there is no last page, nobody could say that it is to be opened.
  ${If} ${Silent}
  ${AndIf} $StartAgain != ""
    Exec '"$INSTDIR\${EXE}" $StartAgain'
  ${EndIf}
SectionEnd

; -- Uninstall ---------------------------------------------------------------------------------------

Function un.onInit
  Call un.BeTheOnlyOne
  StrCpy $Forget 0
  ReadRegStr $Installed HKCU "${UNINSTALL_KEY}" "InstallLocation"
  ${If} $Installed != ""
  ${AndIf} $Installed != $INSTDIR
    MessageBox MB_OK|MB_ICONSTOP "${NAME} is installed in another folder:$\r$\n$Installed" /SD IDOK
    SetErrorLevel ${FAILED}
    Quit
  ${EndIf}
FunctionEnd

Function un.AskWhatGoes
  !insertmacro MUI_HEADER_TEXT "Uninstall ${NAME}" "With its entry in the Start menu and its start at login."
  nsDialogs::Create 1018
  Pop $0
  ${NSD_CreateLabel} 0 0 100% 10u "${NAME} is removed from this folder. A copy that runs is ended."
  Pop $0
  ${NSD_CreateText} 0 14u 100% 13u "$INSTDIR"
  Pop $0
  SendMessage $0 ${EM_SETREADONLY} 1 0
  ${NSD_CreateCheckbox} 0 44u 100% 12u "&Delete my settings, the logs and the stored OpenRouter key, too"
  Pop $Checkbox
  ${NSD_CreateLabel} 12u 60u 95% 24u "Otherwise they stay on this computer, for the next time that you install ${NAME}."
  Pop $0
  GetDlgItem $0 $HWNDPARENT 1
  SendMessage $0 ${WM_SETTEXT} 0 "STR:&Uninstall"
  nsDialogs::Show
FunctionEnd

Function un.NoteWhatGoes
  ${NSD_GetState} $Checkbox $Forget
FunctionEnd

Section Uninstall
  SetOutPath $SYSDIR
  StrCpy $R0 $INSTDIR
  Call un.StopCopies
  StrCpy $R0 $INSTDIR

  ${If} $Forget = 1
    nsExec::ExecToStack /OEM '"$INSTDIR\${CONSOLE_EXE}" --forget'
    Pop $0
    Pop $1
    ${If} $0 != 0
      MessageBox MB_OK|MB_ICONEXCLAMATION "Not all of your settings could be deleted.$\r$\n$\r$\n$1"
    ${EndIf}
  ${EndIf}

  ${Do}
    ; Asking for errors forgets them. The programs first: only they may be in use.
    ClearErrors
    Delete "$INSTDIR\${EXE}"
    Delete "$INSTDIR\${CONSOLE_EXE}"
    ${IfNot} ${Errors}
      RMDir /r "$INSTDIR\_internal"
      ${IfNot} ${Errors}
        ${Break}
      ${EndIf}
    ${EndIf}
    MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "Another program uses files of ${NAME} in$\r$\n$INSTDIR$\r$\n$\r$\nClose \
      it, and try again." /SD IDCANCEL IDRETRY again
    SetErrorLevel ${FAILED}
    Abort
    again:
  ${Loop}
  RMDir /r "${NEW}"
  RMDir /r "${OLD}"

  Call un.ReadRunValue
  ${If} $0 != other
    DeleteRegValue HKCU "${RUN_KEY}" "${NAME}"
    DeleteRegValue HKCU "${APPROVED_KEY}" "${NAME}"
  ${EndIf}
  Delete "${SHORTCUT}"
  DeleteRegKey HKCU "${UNINSTALL_KEY}"
  Delete "$INSTDIR\${UNINSTALLER}"
  ; Only if nothing else is in it.
  RMDir "$INSTDIR"
SectionEnd
