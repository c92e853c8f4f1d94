#!/bin/sh
# Installs govlake from this bundle, without any network. Usage: sh install.sh [FOLDER]   (default: ./govlake-env)
# 离线安装 govlake。用法：sh install.sh [目录]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${1:-./govlake-env}
python=${PYTHON:-python3}
wanted=$(cat "$here/PYTHON")

say() { printf '%s\n' "$*"; }
stop() { say "error 错误: $1" >&2; say "remedy 办法: $2" >&2; exit 1; }

command -v "$python" >/dev/null 2>&1 || stop "no $python here / 未找到 Python" "install Python, or name it: PYTHON=/path/to/python3 sh install.sh"
found=$("$python" -c 'import sys, sysconfig; print("cp%d%d-%s" % (*sys.version_info[:2], sysconfig.get_platform()))')
[ "$found" = "$wanted" ] || stop "this bundle is for $wanted, this Python is $found / Python 版本或平台不符" \
  "name a fitting one: PYTHON=/path/to/python3 sh install.sh, or make the bundle anew with that Python (make bundle PYTHON=…)"

say "checking files 校验文件"
"$python" - "$here" <<'PY' || stop "a file of the bundle is damaged / 文件损坏" "copy the bundle again and compare its own checksum"
import hashlib, pathlib, sys
root = pathlib.Path(sys.argv[1])
bad = 0
for line in (root / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
    digest, name = line.split("  ", 1)
    path = root / name
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        print("  " + name, file=sys.stderr)
        bad = 1
sys.exit(bad)
PY

say "installing into 安装到 $target"
"$python" -m venv "$target" || stop "cannot make an environment / 无法创建虚拟环境" "on Debian or Ubuntu: install the package python3-venv"
"$target/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --find-links "$here/wheels" \
  --requirement "$here/requirements.txt"
"$target/bin/govlake" --version

command=$(cd "$target/bin" && pwd)/govlake
say ""
say "done 完成. Next steps 下一步:"
say "  $command demo --home ./govlake-home          # the demo city 演示"
say "  $command district new mycity                 # your own district 新建区域"
say "  $command run --district mycity --home ./govlake-home"
say "  $command --help"
