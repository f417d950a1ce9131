import sys

from device_bridge.agent.cli import main

sys.exit(main())
