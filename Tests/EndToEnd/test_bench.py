"""The benchmark itself: its arithmetic, what it reads out of others' output, and one short run of it."""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from types import SimpleNamespace

from lab.shell import repository, run
from lab.traffic import Capture, call, listening

sys.path.insert(0, os.path.join(repository(), "Tests/Benchmark"))

from measure import checksums, cpu, rounds, traffic  # noqa: E402
from measure.contest import Contest  # noqa: E402
from measure.pair import Pair  # noqa: E402
from measure.result import Sample, absent, result  # noqa: E402
from report import claims, text  # noqa: E402
from report.json_report import rounded  # noqa: E402
from subjects.plain import PlainRouting  # noqa: E402

#: What the issue asks of every object of results.json.
MEMBERS = {"question", "subject", "wire", "family", "unit", "median", "min", "max", "rounds", "cpuSecondsPerGB"}


class Arithmetic(unittest.TestCase):
    def test_ratios_are_of_the_same_round(self):
        # The machine was twice as fast in the second round, for both alike.
        self.assertEqual(rounds.paired([3, 6, 3], [10, 20, 10]), [0.3, 0.3, 0.3])

    def test_failed_rounds_count_out(self):
        self.assertEqual(rounds.paired([3, None, 5], [10, 20, None]), [0.3])
        self.assertEqual(rounds.paired([3, 4], [0, 8]), [0.5])
        self.assertEqual(rounds.paired([3], []), [])

    def test_a_spread_is_median_least_and_greatest(self):
        self.assertEqual(rounds.spread([5, 1, 3]), {"median": 3, "min": 1, "max": 5})
        self.assertIsNone(rounds.spread([]))

    def test_every_round_begins_with_another(self):
        self.assertEqual([rounds.turn("abc", round)[0] for round in range(4)], ["a", "b", "c", "a"])
        self.assertEqual(sorted(rounds.turn([1, 2, 3], 7)), [1, 2, 3])
        self.assertEqual(rounds.turn([], 1), [])

    def test_processor_time_per_gigabyte(self):
        usage = cpu.Usage(wall=2, group=1.5, softirq=0.5, busy=3, stolen=0.2)
        sample = Sample(8, gigabytes=4, usage=usage)
        self.assertEqual((sample.cpu_per_gigabyte, sample.busy_per_gigabyte), (0.5, 0.75))
        self.assertAlmostEqual(usage.foreign, 0.6)
        self.assertIsNone(Sample(8).cpu_per_gigabyte)

    def test_the_machines_busy_time(self):
        ticks = os.sysconf("SC_CLK_TCK")
        line = f"cpu  {ticks} {ticks} {ticks} 999 999 {ticks} {ticks} {3 * ticks} 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"
        self.assertEqual(cpu.busy_and_stolen(line), (5, 3))


class Stand:
    """A place where a subject would be at work."""

    def __init__(self, name):
        self.subject = SimpleNamespace(name=name, encrypted=False)


class Contests(unittest.TestCase):
    def contest(self, rounds, **speeds):
        """Named places that give their speed times the round's; a speed of None fails."""
        places, taken = [Stand(name.replace("_", " ")) for name in speeds], []

        def measure(place):
            taken.append(place.subject.name)
            speed = speeds[place.subject.name.replace(" ", "_")]
            if speed is None:
                raise RuntimeError("no answer\nat all")
            return Sample(speed * (1 + (len(taken) - 1) // len(speeds)))

        contest = Contest("throughput", places).run(rounds, measure)
        return taken, {record["subject"]: record for record in contest.results("Gb/s", lambda sample: sample.value)}

    def test_rounds_are_interleaved_and_begin_with_another_subject(self):
        taken, _ = self.contest(3, plain_routing=10, a=1, b=2)
        self.assertEqual(taken, ["plain routing", "a", "b", "a", "b", "plain routing", "b", "plain routing", "a"])

    def test_subjects_are_compared_within_their_round(self):
        _, results = self.contest(3, **{"plain_routing": 10, "Warrens_tun": 4, "nebula": 2})
        self.assertEqual(results["nebula"]["samples"], [2, 4, 6])
        self.assertEqual(results["nebula"]["ratioToPlain"], {"median": 0.2, "min": 0.2, "max": 0.2})
        self.assertEqual(results["nebula"]["warrensOver"], {"median": 2, "min": 2, "max": 2})
        self.assertNotIn("warrensOver", results["Warrens tun"])
        self.assertNotIn("ratioToPlain", results["plain routing"])

    def test_a_rival_is_another_one_to_compare_with(self):
        contest = Contest("kernel", [Stand("plain routing"), Stand("kernel VXLAN"), Stand("Warrens ebpf")])
        speeds, prices = {"plain routing": 10, "kernel VXLAN": 4, "Warrens ebpf": 6}, {"kernel VXLAN": 3, "Warrens ebpf": 1}

        def measure(place):
            price = prices.get(place.subject.name)
            return Sample(speeds[place.subject.name], gigabytes=price and 1, usage=price and SimpleNamespace(cpu=price))

        found = contest.run(2, measure).results("Gb/s", lambda sample: sample.value, rival="kernel VXLAN")
        results = {record["subject"]: record for record in found}
        self.assertEqual(results["Warrens ebpf"]["ratioToRival"]["median"], 1.5)
        self.assertEqual(results["Warrens ebpf"]["priceToRival"]["median"], 1 / 3)
        self.assertEqual(results["plain routing"]["ratioToRival"]["median"], 2.5)
        self.assertNotIn("priceToRival", results["plain routing"])
        self.assertNotIn("ratioToRival", results["kernel VXLAN"])

    def test_who_always_fails_is_told_with_the_reason(self):
        _, results = self.contest(2, plain_routing=10, tinc=None)
        self.assertEqual((results["tinc"]["rounds"], results["tinc"]["reason"]), (0, "no answer at all"))
        self.assertEqual(results["plain routing"]["rounds"], 2)


class OthersOutput(unittest.TestCase):
    def test_tcp_by_iperf3(self):
        report = {"end": {
            "sum_sent": {"bytes": 130, "bits_per_second": 1040, "retransmits": 7},
            "sum_received": {"bytes": 125, "bits_per_second": 1000},
        }}
        self.assertEqual(traffic.tcp_figures(traffic.read_iperf3(json.dumps(report))), (1000, 125, 7))

    def test_udp_by_iperf3(self):
        report = {"end": {"sum": {"seconds": 2, "bytes": 6400, "packets": 100, "lost_packets": 25}}}
        self.assertEqual(traffic.udp_figures(report), (2, 100, 75, 4800))

    def test_failures_of_iperf3_are_told_in_its_words(self):
        with self.assertRaisesRegex(ValueError, "unable to connect"):
            traffic.read_iperf3('{"error": "unable to connect to server"}')
        with self.assertRaisesRegex(ValueError, "no report"):
            traffic.read_iperf3("")

    def test_sockperf(self):
        lines = ["sockperf: ---> percentile 99.900 =  191.604", "sockperf: ---> percentile 99.000 =  127.979",
                 "sockperf: ---> percentile 50.000 =   78.957"]
        self.assertEqual(traffic.read_sockperf("\n".join(lines)), (78.957, 127.979))
        with self.assertRaisesRegex(ValueError, "no percentiles"):
            traffic.read_sockperf("sockperf: ERROR: bind")


class Sweeping(unittest.TestCase):
    def test_groups_of_dead_runs_go_and_those_of_living_ones_stay(self):
        account = cpu.Account()
        self.addCleanup(account.close)
        dead = os.path.join(os.path.dirname(account.path), f"{cpu.PREFIX}-{1 << 22}-1")  # Above the kernel's largest number.
        os.mkdir(dead)
        cpu.sweep()
        self.assertFalse(os.path.exists(dead))
        self.assertTrue(os.path.exists(account.path))


class DeferredChecksums(unittest.TestCase):
    #: The SYN of a connection with a complete checksum, of which 5b2d is the place in the header.
    SYN = bytes.fromhex(
        "4500003c199740003f063d400ae8d3080aecfc08" "a798145233c2566f00000000a002fbb85b2d0000" + "0" * 40
    )

    def test_a_complete_checksum_is_told_from_one_of_the_pseudo_header(self):
        self.assertFalse(checksums.is_partial(self.SYN))
        # 0ae8 + d308 + 0aec + fc08 + 0006 (TCP) + 0028 (its length) = 1e512, folded.
        self.assertTrue(checksums.is_partial(self.SYN[:36] + bytes.fromhex("e513") + self.SYN[38:]))

    def test_what_is_no_tcp_over_ipv4_says_nothing(self):
        self.assertFalse(checksums.is_partial(b""))
        self.assertFalse(checksums.is_partial(b"\x60" + bytes(59)))

    def test_tunnelled_packets_are_found_in_a_capture(self):
        outer = bytes.fromhex("45000058" "00004000" "40110000" "c000020b" "c000020c" "7a697a6900440000")
        frame = bytes(12) + b"\x08\x00" + outer + self.SYN
        other = frame.replace(bytes.fromhex("7a697a69"), bytes.fromhex("7a697a6a"))
        capture = bytes.fromhex("d4c3b2a1") + bytes(20)
        for packet in (other, frame):
            capture += bytes(8) + len(packet).to_bytes(4, "little") * 2 + packet
        self.assertEqual(list(checksums.inner_packets(capture)), [self.SYN])


class Accounts(unittest.TestCase):
    def test_processor_time_of_members_counts_in_either_version(self):
        hierarchies = [hierarchy for hierarchy in cpu.HIERARCHIES if cpu.version(hierarchy)]
        self.assertTrue(hierarchies)
        for hierarchy in hierarchies:
            with self.subTest(hierarchy):
                account = cpu.Account(hierarchy)
                self.addCleanup(account.close)
                with cpu.metered(account) as usage:
                    run(account.enter("sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done"))
                self.assertGreater(usage.group, 0.01)
                self.assertLessEqual(usage.group, usage.wall * os.cpu_count())
                account.close()
                self.assertFalse(os.path.exists(account.path))


class Records(unittest.TestCase):
    def test_every_result_has_what_is_promised(self):
        for record in (
            result("throughput", "nebula", "Gb/s", [1.5, None, 2.5], wire="S", family=4),
            absent("throughput", "tinc", "tincd is not installed"),
        ):
            self.assertLessEqual(MEMBERS, set(json.loads(json.dumps(record))))
        self.assertEqual(record["reason"], "tincd is not installed")
        self.assertIsNone(record["median"])

    def test_failed_rounds_keep_their_place_and_do_not_count(self):
        record = result("throughput", "nebula", "Gb/s", [1.5, None, 2.5], ratioToPlain=None)
        self.assertEqual((record["median"], record["rounds"], record["samples"]), (2, 2, [1.5, None, 2.5]))
        self.assertNotIn("ratioToPlain", record)

    def test_numbers_are_written_without_noise(self):
        self.assertEqual(rounded({"a": [1 / 3, 12345678.9], "b": 3, "c": None}), {"a": [0.333333, 12345700.0], "b": 3, "c": None})

    def test_figures_for_people(self):
        self.assertEqual([text.figure(value) for value in (0.03456, 12.345, 1234.5, 0, 0.0000123)],
                         ["0.0346", "12.3", "1,234", "0", "0.000012"])
        self.assertEqual(text.spread_text({"median": 2, "min": 1.5, "max": 2.5}), "2 (1.5–2.5)")
        self.assertEqual(text.table(["a"], [["x|y"]]).splitlines()[-1], "| x\\|y |")

    def test_claims_are_judged_by_the_median(self):
        record = result("throughput", "Warrens tun", "Gb/s", [3], parameter="TCP, 1 stream", wire="S", family=4,
                        ratioToPlain={"median": 0.29, "min": 0.2, "max": 0.4})
        self.assertIn("**no**", claims.render([record]))
        record["ratioToPlain"]["median"] = 0.31
        self.assertNotIn("**no**", claims.render([record]))
        self.assertIsNone(claims.render([{**record, "family": 6}]))


class Wires(unittest.TestCase):
    def frames(self, wire):
        """The longest frames that the left node hands to the wire, and that the right one gets after aggregation."""
        pair = Pair(PlainRouting(), wire)
        self.addCleanup(pair.close)
        with listening(pair.right.pod, 7000), \
                Capture(pair.left.node, "eth0") as sent, Capture(pair.right.node, "eth0") as received:
            self.assertTrue(call(pair.left.pod, pair.target(4), 7000, 20_000_000)["intact"])
        return tuple(
            max(int(length) for line in capture.lines("tcp") for length in re.findall(r"length (\d+)$", line))
            for capture in (sent, received)
        )

    def test_super_packets_cross_one_wire_and_only_packets_of_the_mtu_the_other(self):
        sent, _ = self.frames("S")
        self.assertGreater(sent, 1500)
        sent, received = self.frames("M")
        self.assertLessEqual(sent, 1500)
        self.assertGreater(received, 1500)


class ShortRun(unittest.TestCase):
    def test_one_round_of_plain_routing_and_warrens(self):
        with tempfile.TemporaryDirectory() as directory:
            outcome = subprocess.run(
                ["/usr/bin/python3", os.path.join(repository(), "Tests/Benchmark/run.py"), "--only", "throughput", "--quick",
                 "--subjects", "warrens", "--rounds", "1", "--seconds", "1", "--output", directory],
                capture_output=True, text=True, timeout=300,
            )
            self.assertEqual(outcome.returncode, 0, outcome.stderr)
            with open(os.path.join(directory, "results.json")) as file:
                results = json.load(file)
            with open(os.path.join(directory, "report.md")) as file:
                report = file.read()
        measured = {(record["subject"], record["wire"], record["family"]) for record in results if record["rounds"] == 1}
        self.assertEqual(measured, {
            (subject, wire, family)
            for subject in ("plain routing", "Warrens tun") for wire in ("S", "M") for family in (4, 6)
        }, outcome.stderr)
        for record in results:
            self.assertLessEqual(MEMBERS, set(record))
            self.assertGreater(record["cpuSecondsPerGB"], 0)
        self.assertIn("| **Warrens tun** |", report)


if __name__ == "__main__":
    unittest.main()
