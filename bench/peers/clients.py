"""
The peers that are libraries: connect, ``uname -m``, close, at every host of a plan.

    python -m bench.peers.clients fabric|asyncssh|parallel-ssh PLAN

Each is used as its documentation says, with the one key that is right, and
64 hosts at a time.  Fabric and parallel-ssh check no host's key by default;
asyncssh does.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

from bench.fleet.plan import Plan

COMMAND = "uname -m"


def by_fabric(plan: Plan) -> int:
    """Return how many hosts answered; `ThreadingGroup` would start a thread for every host."""
    from fabric import Connection  # noqa: PLC0415 - each process loads its own library alone

    def work(address: str) -> bool:
        settings = {"key_filename": plan.identity_file}
        with Connection(address, plan.user, plan.port, connect_kwargs=settings) as connection:
            return bool(connection.run(COMMAND, hide=True, in_stream=False).ok)

    with ThreadPoolExecutor(plan.in_flight) as pool:
        return sum(pool.map(work, plan.addresses))


def by_asyncssh(plan: Plan) -> int:
    """Return how many hosts answered."""
    import asyncssh  # noqa: PLC0415

    known = asyncssh.read_known_hosts(plan.known_hosts)
    key = asyncssh.read_private_key(plan.identity_file)

    async def work(address: str, turn: asyncio.Semaphore) -> bool:
        async with (
            turn,
            asyncssh.connect(
                address,
                plan.port,
                username=plan.user,
                client_keys=[key],
                known_hosts=known,
                agent_path=None,
                config=None,
            ) as connection,
        ):
            return (await connection.run(COMMAND)).exit_status == 0

    async def all_of_them() -> int:
        turn = asyncio.Semaphore(plan.in_flight)
        return sum(await asyncio.gather(*(work(address, turn) for address in plan.addresses)))

    return asyncio.run(all_of_them())


def by_parallel_ssh(plan: Plan) -> int:
    """Return how many hosts answered."""
    from pssh.clients import ParallelSSHClient  # noqa: PLC0415

    client = ParallelSSHClient(
        plan.addresses,
        plan.user,
        port=plan.port,
        pkey=plan.identity_file,
        pool_size=plan.in_flight,
        allow_agent=False,
    )
    outputs = client.run_command(COMMAND)
    client.join(outputs)
    return sum(output.exit_code == 0 for output in outputs)


PEERS = {"fabric": by_fabric, "asyncssh": by_asyncssh, "parallel-ssh": by_parallel_ssh}


if __name__ == "__main__":
    print(PEERS[sys.argv[1]](Plan.read(sys.argv[2])))
