#!/bin/sh
# Adds Formulens to the menu of your desktop, for you alone: ./install.sh
# Takes it away again: ./install.sh --remove
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
share=${XDG_DATA_HOME:-$HOME/.local/share}
bin=$HOME/.local/bin
entry=$share/applications/io.github.formulens.Formulens.desktop
mime=$share/mime/packages/formulens.xml
if [ "${1:-}" = --remove ]; then
  rm -f "$entry" "$mime" "$share/metainfo/io.github.formulens.Formulens.metainfo.xml" "$bin/formulens"
  find "$share/icons/hicolor" -name 'io.github.formulens.Formulens.*' -type f -delete 2>/dev/null || true
else
  mkdir -p "$share" "$bin"
  cp -R "$here/share/." "$share/"
  ln -sf "$here/formulens" "$bin/formulens"
  # A desktop may start without ~/.local/bin in its path.
  sed "s|^Exec=formulens|Exec=\"$bin/formulens\"|; /^TryExec=/d" "$here/share/applications/${entry##*/}" > "$entry"
fi
if command -v update-desktop-database > /dev/null; then update-desktop-database "${entry%/*}" || true; fi
if command -v update-mime-database > /dev/null && [ -d "$share/mime/packages" ]; then
  update-mime-database "$share/mime" || true
fi
