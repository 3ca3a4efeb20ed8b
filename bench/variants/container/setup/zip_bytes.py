"""Prints how many bytes a folder is as a zip, compressed as well as deflate can.
Usage: zip_bytes.py FOLDER
"""

import sys
import tempfile
import zipfile
from pathlib import Path

folder = Path(sys.argv[1])
with tempfile.TemporaryFile() as f:
    with zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            z.write(path, path.relative_to(folder))
    print(f.tell())
