import os
import sys
import threading

import pytest

from device_bridge.materials.off_loop import STAND_BACK, bulk_threads


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness is a whole process's")
def test_whoever_hashes_a_document_leaves_the_processor_to_the_loop() -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    with bulk_threads() as bulk:
        theirs = bulk.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        assert theirs.result() == min(19, ours + STAND_BACK)
    assert os.getpriority(os.PRIO_PROCESS, 0) == ours
