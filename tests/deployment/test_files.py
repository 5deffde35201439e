"""The image holds what it needs and nothing else; every name in the composed services exists."""

from __future__ import annotations

import re

import authserver.settings
import resource_api.settings

from . import compose

SETTINGS = {
    "AUTHSERVER_": set(authserver.settings.Settings.model_fields),
    "RESOURCE_API_": set(resource_api.settings.Settings.model_fields),
}


def test_the_image_runs_as_nobody_in_particular_and_looks_after_its_health() -> None:
    last = dict(compose.instructions())
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", last["USER"])
    assert compose.health_check()[0] == "python"
    stages = [rest for name, rest in compose.instructions() if name == "FROM"]
    assert len(stages) == 2
    assert all("/" not in image.split()[0] for image in stages), "Docker's own images, by no host's name"


def test_every_dependency_of_the_image_is_checked_by_its_hash() -> None:
    installs = [rest for name, rest in compose.instructions() if name == "RUN" and "pip install" in rest]
    assert len(installs) == 2
    assert "--require-hashes --requirement requirements.txt" in installs[0]
    assert "--no-deps --no-build-isolation ." in installs[1]


def test_what_is_copied_exists_and_the_rest_never_enters() -> None:
    copied = {
        part
        for name, rest in compose.instructions()
        if name == "COPY" and not rest.startswith("--from")
        for part in rest.split()[:-1]
    }
    assert all((compose.ROOT / name).exists() for name in copied)
    ignored = (compose.ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*"
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == copied


def test_every_setting_in_the_composed_services_exists() -> None:
    seen = 0
    for service in compose.ours().values():
        for name in service["environment"]:
            for prefix, fields in SETTINGS.items():
                if name.startswith(prefix):
                    assert name.removeprefix(prefix).lower() in fields, name
                    seen += 1
    assert seen > 20


def test_what_must_be_chosen_is_asked_for_by_a_sentence() -> None:
    named, explained = compose.variables()
    assert named == explained == {"AUTHSERVER_DOMAIN", "GALLERY_DOMAIN", "POSTGRES_PASSWORD"}
    assert compose.composed()["secrets"]["authserver_secret_key"] == {"environment": "AUTHSERVER_SECRET_KEY"}


def test_services_wait_for_what_they_need_and_only_the_proxy_has_a_door() -> None:
    services = compose.composed()["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= set(services), name
        assert ("ports" in service) == (name == "proxy"), name
    for name in ("postgres", "valkey"):
        assert services[name]["networks"] == ["inner"]
        assert "test" in services[name]["healthcheck"]
    assert compose.composed()["networks"]["inner"]["internal"] is True
    assert services["proxy"]["networks"] == ["outer"]


def test_our_services_can_write_nowhere_but_where_pictures_lie() -> None:
    for name, service in compose.ours().items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
    volumes = [volume for service in compose.ours().values() for volume in service.get("volumes", ())]
    assert volumes == ["pictures:" + compose.ours()["resource-api"]["environment"]["RESOURCE_API_FILES"]]


def test_the_operations_page_speaks_of_services_that_exist() -> None:
    page = (compose.ROOT / "docs" / "operations.md").read_text(encoding="utf-8").replace("\\\n", " ")
    commands = re.findall(r"^docker compose (.*)$", page, re.MULTILINE)
    assert len(commands) > 5
    services = compose.composed()["services"]
    named = {word for line in commands for word in re.findall(r"[\w-]+", line) if word in services}
    assert named == {"postgres", "resource-api", "proxy", "authserver-1", "authserver-2"}
    assert f"resource-api:{compose.ours()['resource-api']['environment']['RESOURCE_API_FILES']}" in page


def test_the_proxy_sends_each_name_to_services_that_exist() -> None:
    file = compose.composed()["configs"]["proxy"]["content"].replace("$$", "$")
    targets = re.findall(r"[a-z0-9-]+:\d+", file)
    assert targets == ["authserver-1:8000", "authserver-2:8000", "resource-api:8001"]
    assert {target.partition(":")[0] for target in targets} <= set(compose.composed()["services"])
    subnet = compose.composed()["networks"]["outer"]["ipam"]["config"][0]["subnet"]
    for service in compose.ours().values():
        believed = {text for name, text in service["environment"].items() if name.endswith("TRUSTED_PROXIES")}
        assert believed == {subnet}
