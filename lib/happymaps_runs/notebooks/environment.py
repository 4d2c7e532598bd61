"""The environment variables of a kernel: an allow-list, so that no secret gets in.

A notebook prints what it likes, and its output is published; a token in the caller's
environment must therefore never reach the kernel.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

_NAMES = {
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "PYTHONPATH"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PYTHONHASHSEED", "NO_PROXY", "no_proxy"),
    # Without these Windows starts no process.
    *("SYSTEMROOT", "COMSPEC", "PATHEXT", "WINDIR", "USERPROFILE", "APPDATA"),
    *("LOCALAPPDATA", "PROGRAMDATA"),
}
_PREFIXES = (
    *("LC_", "HAPPYMAPS_", "TF_", "KERAS_", "OMP_", "CUDA_", "XLA_", "NVIDIA_"),
    *("SSL_CERT", "XDG_", "OPENBLAS_", "MKL_", "ONEDNN_", "NPY_"),
)
_PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
# TF_VAR_..., TF_CLI_...: Terraform shares TensorFlow's prefix.
_SECRET = re.compile(
    "TOKEN|SECRET|PASSW|CREDENTIAL|(KEY|AUTH|COOKIE|PAT)S?$|API_?KEY|ACCESS_?KEY"
    "|^TF_VAR_|^TF_CLI_",
    re.I,
)
PASSED = "HAPPYMAPS_PASS"
_READING = re.compile(r"\benviron\b|\bgetenv\b")


def allowed_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a kernel may see.

    Proxies pass unless they hold a password: data sets are fetched through them. So do
    those that `HAPPYMAPS_PASS` names, with commas between, unless they look secret.
    """
    named = {name.strip() for name in environment.get(PASSED, "").split(",")}
    return {
        name: value
        for name, value in environment.items()
        if not _SECRET.search(name)
        and (
            name in _NAMES
            or name in named
            or name.startswith(_PREFIXES)
            or (name.upper() in _PROXIES and "@" not in value)
        )
    }


def held_back(content: Mapping) -> str:
    """Return a sentence on variables that a notebook reads and its kernel lacks.

    Args:
        content: The notebook, each cell's `source` as one string.

    Returns:
        "" when all that are set and read are passed.
    """
    code = "\n".join(c["source"] for c in content["cells"] if c["cell_type"] == "code")
    passed = allowed_environment(os.environ) if _READING.search(code) else os.environ
    quoted = {match[1] for match in re.finditer(r"[\"'](\w+)[\"']", code)}
    held = sorted(quoted & os.environ.keys() - passed.keys())
    if not held:
        return ""
    open_ones = [name for name in held if not _SECRET.search(name)]
    remedy = (
        f" To pass them, name them: {PASSED}={','.join(open_ones)}" if open_ones else ""
    )
    return (
        f"the environment variables {', '.join(held)} are set and kept back from the "
        "notebook, since what it prints may be published. Give such values as "
        f"parameters.{remedy}"
    )


def store_environment(store: Path) -> dict[str, str]:
    """Return the environment in which notebooks recall what a store has.

    Args:
        store: Folder of the store; empty where there is none, or where
            `HAPPYMAPS_STORE` names another.
    """
    if "HAPPYMAPS_STORE" in os.environ or not (store / "store.json").is_file():
        return {}
    return {"HAPPYMAPS_STORE": str(store.absolute())}


def kernel_environment(
    scratch: Path, *, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the whole environment of a worker and its kernel.

    Args:
        scratch: Folder for temporary files, which the caller removes.
        extra: Variables to set on top.
    """
    environment = allowed_environment(os.environ)
    # Set around us, it is the folder of another run.
    environment.pop("HAPPYMAPS_RUN_DIR", None)
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    environment |= {
        "KERAS_BACKEND": "tensorflow",
        "TMPDIR": str(scratch),
        # The user's own kernels, start-up files and history stay out of the run.
        "IPYTHONDIR": str(scratch / "ipython"),
        "JUPYTER_CONFIG_DIR": str(scratch / "jupyter"),
        "JUPYTER_DATA_DIR": str(scratch / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(scratch / "jupyter"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    return environment | dict(extra or {})
