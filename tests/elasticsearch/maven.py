"""Maven's own client, and the compiler: what a node is assembled with."""

import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from tests.elasticsearch.java import Java, Missing

PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
_COMPILER = "org.eclipse.jdt:ecj:3.40.0"


def cache() -> Path:
    """Where assembled nodes are kept between runs."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scoreback-tests"
    home.mkdir(parents=True, exist_ok=True)
    return home


def maven(goal: str, *options: str) -> None:
    """Run one *goal*.

    Raises:
        Missing: there is no Maven, or it failed; the text says why.
    """
    command = shutil.which("mvn")
    if command is None:
        raise Missing("Maven (the command mvn), which fetches the server's jars")
    # Maven runs on the Java of its own installation: a bare runtime may lack what it needs.
    environment = {name: value for name, value in os.environ.items() if name != "JAVA_HOME"}
    _run([command, "--batch-mode", "--quiet", goal, *options], f"mvn {goal}", environment)


def compiled(runtime: Java, source: Path, jars: Path, jar: Path) -> None:
    """Compile one class against *jars* into *jar*, with the runtime's compiler or Eclipse's.

    Raises:
        Missing: it does not compile, or there is no compiler.
    """
    with tempfile.TemporaryDirectory(dir=jars.parent) as folder:
        if runtime.compiler:
            command = [runtime.compiler, "--release", "21"]
        else:
            ecj = cache() / f"ecj-{_COMPILER.split(':')[-1]}.jar"
            if not ecj.exists():
                maven(
                    f"{PLUGIN}:copy", f"-Dartifact={_COMPILER}", f"-DoutputDirectory={ecj.parent}"
                )
            command = [runtime.java, "-jar", str(ecj), "-source", "21", "-target", "21"]
        servers = os.pathsep.join(map(str, sorted(jars.glob("*.jar"))))
        options = ["-proc:none", "-nowarn", "-cp", servers, "-d", folder]
        _run([*command, *options, str(source)], f"compiling {source.name}")
        with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(folder).rglob("*.class")):
                archive.write(path, path.relative_to(folder).as_posix())


def _run(command: list[str], what: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise Missing(f"the server's jars: {what} failed: {' / '.join(said[:4]) or 'no message'}")
