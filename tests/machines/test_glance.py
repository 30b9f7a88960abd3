"""A fleet at one glance."""

from __future__ import annotations

import pytest

from remit.errors import BadArgument
from tests.machines.town import Town, in_town


def test_a_glance_counts_all_and_tells_those_with_something_to_say() -> None:
    """Alarms first, then what failed, who is silent, and who is on the way; a machine that is well is only counted."""

    async def work(town: Town) -> None:
        await town.shop()
        await town.machines("quiet", "thief")
        other = await town.stranger("other")
        with pytest.raises(Exception, match="another key"):
            await other.redeem(town.introduction("thief"), town.network.key.public)
        town.enrol = False
        await town.machines("new")
        seen = await town.boss.glance()
        assert seen["machines"]["states"] == {"pending": 1, "active": 4}
        assert [each["name"] for each in seen["machines"]["first"]] == ["thief", "new"]
        assert seen["machines"]["noted"] == 2 and [each["machine"] for each in seen["alarms"]] == ["thief"]
        assert seen["edges"] == {"states": {"active": 1}, "noted": 0, "first": []}
        for box in town.boxes.values():
            await box.hob.hello()
        town.world.time += 100
        for name in ("db", "app", "thief"):
            await town.boxes[name].hob.hello()
        town.world.time += 100
        seen = await town.boss.glance()
        assert [each["name"] for each in seen["machines"]["first"]] == ["thief", "quiet", "new"]
        town.cut("app")
        await town.boss.revoke("app.db")
        seen = await town.boss.glance(1000)
        assert seen["edges"]["noted"] == 1 and seen["edges"]["states"] == {"revoking": 1}
        assert [each["target"] for each in seen["edges"]["first"]] == ["app.db"]
        for wrong in (0, -1.0, float("nan"), "1"):
            with pytest.raises(BadArgument):
                await town.boss.glance(wrong)

    in_town(work)
