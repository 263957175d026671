"""What is measured, and on what: sites and wires, processor time, traffic, rounds. Knows nothing of any subject."""
