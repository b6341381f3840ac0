"""The installer of Windows: a script for Inno Setup 6, and what the program says of itself to the system.

It installs for one user and asks for no administrator. The file keeps to what the compiler of Inno Setup reads: a
UTF-8 text, one parameter list a line. Signed where WINDOWS_SIGN_COMMAND is set: a command line, `$f` is the file.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from build_spec.product import COMMAND, NAME, OPENS, SUMMARY

APP_ID = "{{7A3B5C0E-4E0B-4C57-9B0C-6B1D2F6E9C41}"
"""By this Windows knows that a later version replaces an earlier one. It stays as it is; the first brace is doubled."""
WINDOW = f"{NAME}Window.exe"
"""Without a console, for shortcuts; `formulens.exe` beside it is for the terminal. Windows tells no case apart."""


def installer(version: str, program: Path, icon: Path, out: Path, releases: str, *, sign: bool = False) -> str:
    """The script that makes `Formulens-VERSION-windows-x64.exe` in the folder `out`."""
    kinds = "".join(
        f'Root: HKA; Subkey: "Software\\Classes\\.{ending}\\OpenWithProgids"; ValueType: string; '
        f'ValueName: "{NAME}.File"; ValueData: ""; Flags: uninsdeletevalue\n'
        for endings in OPENS.values()
        for ending in endings
    )
    return f"""; Made by build_spec.windows.
[Setup]
AppId={APP_ID}
AppName={NAME}
AppVersion={version}
AppVerName={NAME} {version}
AppPublisher=Formulens authors
AppUpdatesURL={releases}
DefaultDirName={{autopf}}\\{NAME}
DefaultGroupName={NAME}
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=dialog
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
ChangesAssociations=yes
ChangesEnvironment=yes
CloseApplications=yes
LicenseFile={program}\\_internal\\resources\\licenses\\LICENSE.txt
OutputDir={out}
OutputBaseFilename={NAME}-{version}-windows-x64
SetupIconFile={icon}
UninstallDisplayIcon={{app}}\\{WINDOW}
UninstallDisplayName={NAME}
Compression=lzma2/max
SolidCompression=yes
WizardStyle=modern
{"SignTool=formulens" if sign else "; not signed"}

[Tasks]
Name: desktopicon; Description: "Put a shortcut on the &desktop"; Flags: unchecked
Name: autostart; Description: "&Start {NAME} when I log in"; Flags: unchecked
Name: path; Description: "Let the &terminal find the command {COMMAND}"; Flags: unchecked

[InstallDelete]
; Files of an earlier version that this one has no more.
Type: filesandordirs; Name: "{{app}}\\_internal"

[Files]
Source: "{program}\\*"; DestDir: "{{app}}"; Flags: ignoreversion recursesubdirs createallsubdirs

[Icons]
Name: "{{autoprograms}}\\{NAME}"; Filename: "{{app}}\\{WINDOW}"; Comment: "{SUMMARY}"
Name: "{{autodesktop}}\\{NAME}"; Filename: "{{app}}\\{WINDOW}"; Tasks: desktopicon
Name: "{{userstartup}}\\{NAME}"; Filename: "{{app}}\\{WINDOW}"; Tasks: autostart

[Registry]
Root: HKA; Subkey: "Software\\Classes\\{NAME}.File"; ValueType: string; ValueData: "{NAME}"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\\Classes\\{NAME}.File\\shell\\open\\command"; ValueType: string; \
ValueData: \"""{{app}}\\{WINDOW}"" ""%1""\"
Root: HKA; Subkey: "Software\\Classes\\.inkml"; ValueType: string; ValueName: "Content Type"; \
ValueData: "application/inkml+xml"; Flags: uninsdeletevalue
{kinds}Root: HKCU; Subkey: "Environment"; ValueType: expandsz; ValueName: "Path"; ValueData: "{{olddata}};{{app}}"; \
Tasks: path; Check: NotInPath(ExpandConstant('{{app}}'))

[Run]
Filename: "{{app}}\\{WINDOW}"; Description: "Start {NAME}"; Flags: nowait postinstall skipifsilent

[Code]
function NotInPath(Folder: string): Boolean;
var
  Paths: string;
begin
  if not RegQueryStringValue(HKCU, 'Environment', 'Path', Paths) then
    Paths := '';
  Result := Pos(';' + Uppercase(Folder) + ';', ';' + Uppercase(Paths) + ';') = 0;
end;

procedure CurUninstallStepChanged(Step: TUninstallStep);
var
  Paths, Folder: string;
begin
  if (Step = usPostUninstall) and RegQueryStringValue(HKCU, 'Environment', 'Path', Paths) then
  begin
    Folder := ';' + ExpandConstant('{{app}}');
    if StringChangeEx(Paths, Folder, '', True) > 0 then
      RegWriteExpandStringValue(HKCU, 'Environment', 'Path', Paths);
  end;
end;
"""


def version_info(version: str) -> str:
    """What Windows shows as properties of the program, in the form that PyInstaller reads."""
    numbers = tuple([*map(int, version.split(".")[:3]), 0, 0, 0][:4])
    texts = {
        "CompanyName": "Formulens authors",
        "FileDescription": SUMMARY,
        "FileVersion": version,
        "InternalName": COMMAND,
        "LegalCopyright": "MIT licence",
        "OriginalFilename": WINDOW,
        "ProductName": NAME,
        "ProductVersion": version,
    }
    pairs = ", ".join(f"StringStruct({name!r}, {text!r})" for name, text in texts.items())
    return (
        f"VSVersionInfo(ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3F, flags=0, OS=0x40004, "
        f"fileType=1, subtype=0, date=(0, 0)), kids=[StringFileInfo([StringTable('040904B0', [{pairs}])]), "
        "VarFileInfo([VarStruct('Translation', [1033, 1200])])])\n"
    )


def write_installer(
    program: Path, icon: Path, work: Path, out: Path, version: str, releases: str, environment: Mapping[str, str]
) -> Path:
    """Make the installer; needs Inno Setup's compiler `iscc` in the path."""
    sign = environment.get("WINDOWS_SIGN_COMMAND", "")
    script = work / "formulens.iss"
    script.write_text(installer(version, program, icon, out, releases, sign=bool(sign)), encoding="utf-8-sig")
    command = ["iscc", "/Q", *([f"/Sformulens={sign}"] if sign else []), str(script)]
    subprocess.run(command, check=True)
    return out / f"{NAME}-{version}-windows-x64.exe"
