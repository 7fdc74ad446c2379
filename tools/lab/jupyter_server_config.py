"""Opening a notebook must not change it. JupyterLab writes the kernel's language, with the version of Python, into each
notebook that it opens; then the notebook counts as changed, and is saved. So the server of `make lab` adds the language
of its own Python when it reads a notebook, and leaves it out when it saves one.
"""

from ipykernel.ipkernel import IPythonKernel
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

KEPT = {"name": "python"}  # of the language, in the file


def _of_python(model: dict) -> bool:
    """Whether a notebook with its content is in Python."""
    content = model.get("content")
    return (model["type"] == "notebook" and content is not None
            and content["metadata"].get("language_info", {}).get("name") == KEPT["name"])


class Contents(AsyncLargeFileManager):
    """The files of the checkout."""

    async def get(self, *arguments, **options):
        """A file; a notebook is in the language of the kernel."""
        model = await super().get(*arguments, **options)
        if _of_python(model):
            model["content"]["metadata"]["language_info"] = IPythonKernel.language_info
        return model

    async def save(self, model, path=""):
        """Write a file; a notebook is in Python, of any version."""
        if _of_python(model):
            model["content"]["metadata"]["language_info"] = KEPT
        return await super().save(model, path)


c.ServerApp.contents_manager_class = Contents  # noqa: F821, `c` is given to a file of settings
