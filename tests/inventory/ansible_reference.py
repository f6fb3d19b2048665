"""
Ansible's own answer, in a process of its own: a request a line, in and out as JSON.

    {"source": …, "cwd": …, "patterns": […]}
    {"hosts": {name: variables}, "groups": {name: [host]}, "selected": {pattern: [host] or null}}
    {"error": …}
"""

import json
import os
import sys

from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.vars.manager import VariableManager


def answer(request):
    """Return what ``ansible-inventory`` and ``ansible --list-hosts`` would say."""
    os.chdir(request["cwd"])
    loader = DataLoader()
    inventory = InventoryManager(loader, sources=[request["source"]])
    manager = VariableManager(loader, inventory)
    hosts = {}
    for host in inventory.list_hosts("all"):
        found = manager.get_vars(host=host, include_hostvars=False, stage="all")
        hosts[host.name] = {k: v for k, v in found.items() if k.startswith("ansible_")}
    selected = {pattern: select(inventory, pattern) for pattern in request.get("patterns", ())}
    return {"hosts": hosts, "groups": inventory.get_groups_dict(), "selected": selected}


def select(inventory, pattern):
    """Return the names of the hosts, None where that is an error."""
    try:
        return [host.name for host in inventory.list_hosts(pattern)]
    except AnsibleError:
        return None


def main():
    """Answer until there is no more request."""
    init_plugin_loader()
    for line in sys.stdin:
        try:
            said = answer(json.loads(line))
        except Exception as problem:  # noqa: BLE001
            said = {"error": f"{type(problem).__name__}: {problem}"}
        sys.stdout.write(json.dumps(said, default=str) + "\n")
        sys.stdout.flush()


main()
