"""
What an application says of itself: its binaries, how it starts, what it needs of a host.

    discover(cwd)      the manifest that stands in a directory
    load(path)         one that is read, as a `Manifest`
    load_waivers(path) what is known and accepted for now
    schema             their JSON Schemas

How a kind of need is written is told by `preflight.judge.requirements.KINDS`,
to the reader and to the schema alike.
"""

from preflight.manifest.manifest import Manifest, discover, load, load_waivers

__all__ = ["Manifest", "discover", "load", "load_waivers"]
