"""`keys` on its own: installed alone into an empty environment, it verifies a token and brings nothing it shouldn't."""

import ast
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import keys
from keys.signing import SigningKey

from .issuer import Issuer

FOLDER = Path(keys.__file__).parent

SCRIPT = """
import json, sys
from keys import InvalidTokenError, KeySetUnavailableError, Verifier

issuer, audience, text = sys.argv[1:]
verifier = Verifier(issuer, audience)
try:
    verifier.verify(text[:-4] + "AAAA")
except InvalidTokenError as error:
    refused = type(error).__name__
token = verifier.verify(text)
loaded = {name.partition(".")[0] for name in sys.modules}
print(json.dumps({"subject": token.subject, "refused": refused, "loaded": sorted(loaded)}))
"""


@pytest.mark.slow
def test_keys_installs_alone_and_verifies_a_token(tmp_path: Path, key: SigningKey) -> None:
    # A copy, because building leaves traces beside the sources.
    copy: Path = shutil.copytree(
        FOLDER, tmp_path / "keys-alone", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    )
    python = str(tmp_path / "empty" / "bin" / "python")
    environment = [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "empty")]
    subprocess.run(environment, check=True, timeout=60)
    outside = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    install = [*pip, "install", "--quiet", "--no-compile", str(copy)]
    subprocess.run(install, check=True, timeout=110, cwd=tmp_path, env=outside)

    with Issuer([key]) as issuer:
        now = time.time()
        text = key.sign(
            {
                "iss": issuer.url, "sub": "ana", "aud": "https://api.test", "client_id": "app_gallery",
                "jti": "1", "iat": now, "exp": now + 60,
            }
        )  # fmt: skip
        run = [python, "-c", SCRIPT, issuer.url, "https://api.test", text]
        result = subprocess.run(run, check=True, timeout=60, cwd=tmp_path, env=outside, capture_output=True)
    said = json.loads(result.stdout)
    assert (said["subject"], said["refused"]) == ("ana", "BadSignatureError")
    assert not {"sqlalchemy", "authlib", "fastapi", "starlette", "pydantic"} & set(said["loaded"])

    listed = [*pip, "list", "--format", "json"]
    found = json.loads(
        subprocess.run(listed, check=True, timeout=60, env=outside, capture_output=True).stdout
    )
    installed = {package["name"] for package in found}
    assert {"authserver-keys", "joserfc", "httpx2"} <= installed
    assert not {"sqlalchemy", "authlib", "fastapi"} & {name.lower() for name in installed}
    assert list((tmp_path / "empty").rglob("keys/py.typed"))


def imported(file: Path) -> set[str]:
    """The top-level names of everything a file imports, at the top or later."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            names.add(node.module.partition(".")[0])
    return names


def test_keys_imports_no_service_no_database_and_fastapi_only_in_its_adapter() -> None:
    own = {"cryptography", "joserfc", "httpx2"}
    for file in FOLDER.glob("*.py"):
        allowed = own | ({"fastapi", "starlette"} if file.name == "fastapi.py" else set())
        assert imported(file) - sys.stdlib_module_names <= allowed, file.name


def test_no_module_hides_one_of_the_standard_library() -> None:
    # Python puts the folder it is started in first, and people do start pip in this one.
    assert not {file.stem for file in FOLDER.glob("*.py")} & sys.stdlib_module_names


def test_signing_never_loads_an_http_client() -> None:
    script = textwrap.dedent("""
        import sys
        from keys import Ring, SigningKey, jwks
        assert not {"httpx2", "fastapi", "asyncio"} & sys.modules.keys()
    """)
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60, cwd=FOLDER.parent)


def test_every_public_name_is_there() -> None:
    for name in keys.__all__:
        assert getattr(keys, name).__name__ == name
        assert name in dir(keys)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = keys.nonsense


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    from keys import errors

    drawn = errors.__doc__ or ""
    readme = (FOLDER / "README.md").read_text()
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) == 17
    for kind in kinds:
        assert kind.__name__ in drawn and kind.__name__ in readme
