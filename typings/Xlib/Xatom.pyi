WM_NAME: int
