"""`python -m tray_proxy` is the same program as `tray-proxy`."""

from tray_proxy.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
