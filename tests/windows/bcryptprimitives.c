/* What libraries written in Rust ask of Windows and Wine 8 does not have yet: random bytes. */
#include <windows.h>

/* RtlGenRandom, by the name it has in advapi32. */
BOOLEAN NTAPI SystemFunction036(void *buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *buffer, SIZE_T length)
{
    return SystemFunction036(buffer, (ULONG)length);
}
