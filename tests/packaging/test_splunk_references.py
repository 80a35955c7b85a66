"""What the Splunk app's files name is there: lookups, macros, views, scripts, rights."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.splunk_app import ROOT, SOURCES, App, built, parsed, stanzas

APP = App(SOURCES)
CONFIG = json.loads((ROOT / "packaging" / "splunk" / "globalConfig.json").read_text())
SPLUNKS_VIEWS = {"search", "configuration"}  # the second one is generated
SPLUNKS_ROLES = {"*", "admin", "sc_admin", "user", "power"}
MACRO = re.compile(r"`([^`]+)`")
UNDECLARED = {"_key", "tags"}  # a list has no type in a collection


def test_each_lookup_has_its_collection_and_only_fields_of_it() -> None:
    collections = APP.conf("collections")
    for name, transform in APP.conf("transforms").items():
        assert transform["external_type"] == "kvstore", name
        fields = {field.strip() for field in transform["fields_list"].split(",")}
        collection = collections[transform["collection"]]
        declared = {key.removeprefix("field.") for key in collection if key.startswith("field.")}
        assert fields <= declared | UNDECLARED, name
        assert "_key" in fields, name


def test_each_collection_says_whether_indexers_get_it_and_one_does() -> None:
    collections = APP.conf("collections")
    replicated = [name for name, keys in collections.items() if keys["replicate"] == "true"]
    assert replicated == ["scoreback_entities"]


def test_each_index_of_a_collection_is_of_fields_that_it_has() -> None:
    for name, keys in APP.conf("collections").items():
        for key, value in keys.items():
            if key.startswith("accelerated_fields."):
                for field in json.loads(value):
                    assert f"field.{field}" in keys, f"{name}: {field}"


def test_each_lookup_that_props_and_macros_name_is_there() -> None:
    transforms = APP.conf("transforms")
    named = [
        value.split()[0]
        for stanza in APP.conf("props").values()
        for key, value in stanza.items()
        if key.startswith(("LOOKUP-", "REPORT-"))
    ]
    for _, search in searches(APP):
        named += re.findall(r"(?:^|\|)\s*(?:input|output)?lookup\s+(?:\w+=\S+\s+)*(\w+)", search)
    assert named
    assert set(named) <= set(transforms)


def test_each_macro_that_is_used_is_there_with_as_many_arguments() -> None:
    macros = set(APP.conf("macros"))
    used = 0
    for where, search in searches(APP):
        for call in MACRO.findall(search):
            name, bracket, arguments = call.partition("(")
            count = len(arguments.rstrip(")").split(",")) if bracket else 0
            assert (f"{name}({count})" if bracket else name) in macros, f"{where}: `{call}`"
            used += 1
    assert used >= 5


def test_each_macro_uses_its_arguments_and_no_others() -> None:
    for name, macro in APP.conf("macros").items():
        arguments = {a.strip() for a in macro.get("args", "").split(",") if a.strip()}
        count = re.search(r"\((\d+)\)$", name)
        assert len(arguments) == (int(count[1]) if count else 0), name
        assert set(re.findall(r"\$(\w+)\$", macro["definition"])) == arguments, name


def test_each_tag_is_on_an_eventtype_that_is_there() -> None:
    types = {f"eventtype={name}" for name in APP.conf("eventtypes")}
    assert set(APP.conf("tags")) <= types


def test_scores_carry_no_tag_of_a_common_model() -> None:
    assert APP.conf("tags") == {"eventtype=scoreback_score": {"scoreback": "enabled"}}


def test_each_command_has_its_script() -> None:
    for name, command in APP.conf("commands").items():
        assert (SOURCES / "bin" / command["filename"]).is_file(), name


def test_each_endpoint_has_its_script_and_class() -> None:
    for name, stanza in APP.conf("restmap").items():
        module, _, handler = stanza["handler"].partition(".")
        assert stanza["script"] == f"{module}.py", name
        assert f"class {handler}(" in (SOURCES / "bin" / stanza["script"]).read_text(), name


def test_each_generated_endpoint_has_its_script() -> None:
    app = built()
    restmap = app.conf("restmap")
    members = set()
    for name, stanza in restmap.items():
        if name.startswith("admin_external:"):
            assert (app.folder / "bin" / stanza["handlerfile"]).is_file(), name
            members.add(name.removeprefix("admin_external:"))
    assert members == {"scoreback_detectors", "scoreback_settings"}
    listed = restmap["admin:scoreback_configuration"]["members"].split(",")
    assert {one.strip() for one in listed} == members


def test_each_endpoint_that_splunk_web_passes_on_is_there() -> None:
    app = built()
    restmap = app.conf("restmap")
    paths = {s["match"].strip("/") for n, s in restmap.items() if n.startswith("script:")}
    paths |= {n.partition(":")[2] for n in restmap if n.startswith("admin_external:")}
    for name, stanza in app.conf("web").items():
        assert stanza["pattern"].removesuffix("/*") in paths, name


def test_each_capability_that_is_asked_for_exists_and_somebody_has_it() -> None:
    authorize = APP.conf("authorize")
    asked = {
        value
        for stanza in APP.conf("restmap").values()
        for key, value in stanza.items()
        if key.startswith("capability")
    }
    asked |= set(CONFIG["pages"]["configuration"]["capabilities"].values())
    for capability in asked:
        assert f"capability::{capability}" in authorize
        roles = [n for n, keys in authorize.items() if keys.get(capability) == "enabled"]
        assert roles, capability


def test_each_alert_action_has_its_script_form_and_icon() -> None:
    for name, action in APP.conf("alert_actions").items():
        script = (SOURCES / "bin" / f"{name}.py").read_text()
        assert "--execute" in script
        assert (SOURCES / "appserver" / "static" / action["icon_path"]).is_file()
        form = SOURCES / "default" / "data" / "ui" / "alerts" / f"{name}.html"
        named = re.findall(r'name="([^"]+)"', form.read_text())
        assert named
        for field in named:
            assert field.removeprefix(f"action.{name}.") in action, field
        parsed(form.read_text())


@pytest.mark.parametrize("file", ["alert_actions", "savedsearches"])
def test_each_parameter_of_the_alert_action_is_specified(file: str) -> None:
    spec = (SOURCES / "README" / f"{file}.conf.spec").read_text()
    prefix = "" if file == "alert_actions" else "action.scoreback_alert."
    for key in APP.conf("alert_actions")["scoreback_alert"]:
        if key.startswith("param."):
            assert f"\n{prefix}{key} = " in spec, key


def test_each_setting_of_the_page_is_specified() -> None:
    (tab,) = (t for t in CONFIG["pages"]["configuration"]["tabs"] if t.get("name") == "detectors")
    spec = (SOURCES / "README" / "scoreback_detectors.conf.spec").read_text()
    specified = set(re.findall(r"^(\w+) = ", spec, re.MULTILINE))
    assert {entity["field"] for entity in tab["entity"]} - {"name"} == specified


def test_no_setting_of_the_pages_is_a_secret() -> None:
    for tab in CONFIG["pages"]["configuration"]["tabs"]:
        for entity in tab.get("entity", ()):
            assert not entity.get("encrypted"), entity["field"]
            secret = re.search("password|token|secret|key$", entity["field"])
            assert secret is None, entity["field"]


def test_each_workflow_action_opens_a_view_that_is_there() -> None:
    for name, action in APP.conf("workflow_actions").items():
        assert action["link.method"] == "get", "what a link does must be harmless"
        view = re.match(r"/app/scoreback/(\w+)", action["link.uri"])
        assert view, name
        assert view[1] in APP.views(), name


def test_each_view_in_the_menu_is_there() -> None:
    menu = parsed((SOURCES / "default" / "data" / "ui" / "nav" / "default.xml").read_text())
    named = [view.attrib["name"] for view in menu.iter("view") if "name" in view.attrib]
    assert named
    assert set(named) <= set(APP.views()) | SPLUNKS_VIEWS


def test_each_page_of_our_own_has_its_template_and_files() -> None:
    for name, text in APP.views().items():
        view = parsed(text)
        template = view.attrib.get("template")
        if template is None:
            continue
        path = SOURCES / "appserver" / template.removeprefix("scoreback:/")
        page = path.read_text()
        for wanted in re.findall(r'(?:src|href)="../../static/app/scoreback/([^"]+)"', page):
            assert (SOURCES / "appserver" / "static" / wanted).is_file(), f"{name}: {wanted}"


def test_each_conf_of_ours_reaches_all_members_of_a_cluster() -> None:
    replicated = {
        key.removeprefix("conf_replication_include.") for key in APP.conf("server")["shclustering"]
    }
    assert replicated == {name for name in built().confs if name.startswith("scoreback_")}


def test_nothing_is_writable_by_everyone_and_each_role_is_there() -> None:
    meta = stanzas((SOURCES / "metadata" / "default.meta").read_text())
    roles = {n.removeprefix("role_") for n in APP.conf("authorize") if n.startswith("role_")}
    for name, keys in meta.items():
        access = keys.get("access", "")
        for right, given in re.findall(r"(read|write) : \[ ([^\]]*) \]", access):
            named = {role.strip() for role in given.split(",")}
            assert named <= roles | SPLUNKS_ROLES, name
            if right == "write":
                assert "*" not in named, name


def test_each_collection_has_its_own_rights() -> None:
    meta = stanzas((SOURCES / "metadata" / "default.meta").read_text())
    named = {n.partition("/")[2] for n in meta if n.startswith("collections/")}
    assert named == set(APP.conf("collections"))


def test_analysts_write_to_no_collection() -> None:
    meta = stanzas((SOURCES / "metadata" / "default.meta").read_text())
    for name, keys in meta.items():
        if name.startswith("collections/"):
            written = keys["access"].partition("write :")[2]
            assert "scoreback_analyst" not in written, name


def searches(app: App) -> Iterator[tuple[str, str]]:
    """Every search text of the app, and where it stands."""
    for name, macro in app.conf("macros").items():
        yield f"macro {name}", macro["definition"]
    for name, eventtype in app.conf("eventtypes").items():
        yield f"eventtype {name}", eventtype["search"]
    for name, text in app.views().items():
        for found in _queries(text):
            yield f"view {name}", found


def _queries(view: str) -> Iterator[str]:
    definition = parsed(view).findtext("definition")
    if definition is None:
        return
    for source in json.loads(definition).get("dataSources", {}).values():
        query = source.get("options", {}).get("query")
        if query:
            yield query


def test_the_sources_hold_no_compiled_or_local_files() -> None:
    for path in SOURCES.rglob("*"):
        if "__pycache__" not in path.parts:
            assert path.suffix != ".pyc", path
            assert "local" not in path.relative_to(SOURCES).parts, path
            assert not path.is_symlink() or path.name == "scoreback_portable", path
    assert Path(SOURCES / "metadata" / "default.meta").is_file()
