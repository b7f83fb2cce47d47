"""Without faults and races: a deploy becomes ready, a teardown leaves nothing."""

from tests.simulation.world import World, simulate


def test_a_deploy_reaches_ready_and_a_teardown_reaches_gone() -> None:
    async def play(world: World) -> None:
        deploy = await world.callers.push("aaaaaaa", minute=0).outcome
        assert (deploy.state, deploy.sha, deploy.generation) == ("ready", "aaaaaaa", 1), deploy
        await world.settled()
        there = world.residue()
        assert there.namespaces == ["generation 1"]
        assert len(there.databases) == 3
        close = await world.callers.close(minute=1).outcome
        assert close.state == "gone", close
        await world.settled()
        assert world.residue().is_nothing, world.residue()

    simulate(play)
