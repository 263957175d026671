"""The soak, seen from outside of the pods. Nodes and pods come from the laboratory of the end-to-end tests."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../EndToEnd"))
