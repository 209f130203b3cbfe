"""A mesh with everything in it, as a function of its seed; and what must hold of any mesh."""

from random import Random

from meshnode.events import LinkClosed, PackageReceived
from meshnode.node import LocalError
from meshward.sim import LinkProfile, World
from meshward.topologies import parents


def mesh(kind, n, *, seed=1, trace=None, link=None, fan_out=4, **options):
    """A converged mesh, each node of which may also dial the top node, and the top any other."""
    world = World(seed=seed, trace=trace, link=link)
    hosts = world.build(parents(kind, n, fan_out, Random(seed)), **options)
    for host in hosts[1:]:
        host.station.targets.append(hosts[0])
    assert world.run_until(world.converged, limit_s=60)
    return world, hosts


def reached_by_broadcast(world, source):
    """Ids of the nodes a broadcast reaches within 10 s, each as often as it did."""
    got = []

    def note(host, event):
        if isinstance(event, PackageReceived) and event.package["type"] == 8:
            got.append(host.node_id)

    for host in world.hosts:
        host.on_event.append(note)
    source.send({"type": 8, "dest": 0, "msg": "all"})
    world.run_for(10)
    for host in world.hosts:
        host.on_event.remove(note)
    return sorted(got)


def assert_whole(world):
    """One tree of all that live, and a broadcast reaches each of them exactly once."""
    living = world.living()
    assert world.converged(), {host.node_id: host.node.nodes() for host in living}
    assert reached_by_broadcast(world, living[0]) == sorted(host.node_id for host in living[1:])


def closed_links(world):
    """A list that fills with (host, reason) as nodes give links up."""
    closed = []
    for host in world.hosts:
        host.on_event.append(
            lambda host, event: closed.append((host, event.reason)) if isinstance(event, LinkClosed) else None
        )
    return closed


def eventful_run(seed, trace, *, faults=25):
    """A random tree of boards with drifting clocks, traffic, and one fault after another."""
    rng = Random(f"faults of {seed}")
    world, hosts = mesh("random", 20, seed=seed, trace=trace, link=LinkProfile(2000, 200_000), loop_ms=10)
    for host in hosts:
        host.set_drift(int(rng.random() * 100) - 50)
    for _ in range(faults):
        _some_fault(rng, hosts)
        for _ in range(5):
            _some_traffic(rng, hosts)
            world.run_for(0.7)
    world.run_for(150)
    return world


def _some_fault(rng, hosts):
    host = hosts[1 + int(rng.random() * (len(hosts) - 1))]
    connection = host.station.end.connection if host.station.end is not None else None
    what = int(rng.random() * 6)
    if what == 0:
        host.reboot(int(rng.random() * 2_000_000), death=("silent", "reset", "close")[int(rng.random() * 3)])
    elif what == 1:
        host.reparent(hosts[0])
    elif connection is None:
        return
    elif what == 2:
        connection.cut()
    elif what == 3:
        connection.reset()
    elif what == 4:
        connection.stall(int(rng.random() * 20_000_000))
    else:
        host.close(connection.near.handle)


def _some_traffic(rng, hosts):
    source, target = (hosts[int(rng.random() * len(hosts))] for _ in range(2))
    if not source.alive:
        return
    try:
        source.send({"type": 9, "dest": target.node_id, "msg": "x" * int(rng.random() * 3000)})
        source.send({"type": 8, "dest": 0, "msg": "to all"})
        source.measure_delay(target.node_id)
    except LocalError:
        pass
