"""Who runs the school: acts as the commands of `pupitre-mdm` do, beside the server."""

import time

from sqlalchemy.exc import SQLAlchemyError

from central_mdm.joining import ground_at
from central_mdm.platform.errors import Refusal
from central_mdm.platform.ground import Ground
from tests.histories.actors import ACTS, Acts
from tests.histories.real.child import ChildStage


async def live(stage: ChildStage) -> None:
    """Act until we are killed."""

    def clock() -> int:
        return int(time.time() + stage.run.ahead_seconds)

    while True:
        try:
            async with ground_at(stage.run.folder, stage.run.database, clock) as ground:
                await _act(stage, ground)
        except (SQLAlchemyError, OSError) as error:
            stage.world.tell("no ground", type(error).__name__)
            await stage.while_(10.0, 60.0)


async def _act(stage: ChildStage, ground: Ground) -> None:
    acts = Acts(stage)
    while True:
        await stage.while_(5.0, 100.0)
        name = stage.world.chance.choice(ACTS)
        try:
            await getattr(acts, name)(ground)
        except (SQLAlchemyError, OSError, Refusal) as error:
            stage.world.tell(name, "failed", type(error).__name__)
        else:
            stage.world.tell(name, "done")
