"""What to do about JSON that is not whole: a command that keeps what is."""

import json
from shlex import quote

from scoreback.connectors.local.loading.formats import Export
from scoreback.connectors.local.loading.json_shapes import JsonShape
from scoreback.connectors.local.loading.json_text import CUT_OFF

_READ = {"": "", "gzip": "gzip -dc {}", "zip": "unzip -p {} -x '__MACOSX/*'"}
# In one line nobody can tell where the next object begins. What is split within an object is whole
# again for whoever reads it.
_APART = r"sed 's/}, *{/},\n{/g'"


def whole_again(export: Export, reason: str) -> str:
    """The remedy for *export*, which cannot be read for *reason*."""
    shape = export.shape or JsonShape()
    if reason.endswith(CUT_OFF):
        return (
            "export it again; or keep the documents that are whole, and load these:"
            f" {_command(export, _jq(shape))}"
        )
    return (
        "export it again; or have each object begin a line, and load that, so that only broken"
        f" objects are left out: {_command(export, _APART)}"
    )


def _jq(shape: JsonShape) -> str:
    """The command that writes whole documents one a line, until the text breaks off."""
    if not shape.lists and not shape.array:
        return "jq -c ."
    pointer = shape.lists[0] if shape.lists else ()
    inputs = "inputs"
    if pointer:
        inputs += f"|select(.[0][:{len(pointer)}]=={json.dumps(pointer, separators=(',', ':'))})"
    depth = len(pointer) + 1
    return f"jq -cn --stream 'fromstream({depth}|truncate_stream({inputs}))'"


def _command(export: Export, command: str) -> str:
    """*command* over what *export* holds, into a file beside which the export stays."""
    name = quote(str(export.path))
    steps = [_READ[export.packing].format(name)] if export.packing else []
    if export.utf16:
        steps.append(f"iconv -f UTF-16 -t UTF-8{'' if steps else f' {name}'}")
    steps.append(command if steps else f"{command} {name}")
    new = quote(f"{export.path.name.partition('.')[0]}.whole.json")
    return f"`{' | '.join(steps)} > {new}`"
