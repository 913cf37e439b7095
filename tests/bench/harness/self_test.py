"""The parts that judge, judged: what may pass a bar, and what counts as a round trip. tests/bench/run --quick begins with it."""
import unittest

from . import bars
from .wiretap import Counts, Talk


def row(scenario, peer, messages, run="one", check="exact", **more):
    return dict(run=run, scenario=scenario, peer=peer, messages=messages, check=check, rc=0, **more)


class Bars(unittest.TestCase):
    def verdict(self, rows, words):
        return next(v for v in bars.verdicts(rows) if words in v.bar)

    def test_nothing_measured_is_open(self):
        self.assertEqual({v.verdict for v in bars.verdicts([])}, {bars.OPEN})

    def test_fifteen_times_as_fast(self):
        words = "1 mailbox, plain: at least 15"
        ours, theirs = row("initial-1f", "postrider", 20000, wall=5), row("initial-1f", "mbsync15", 20000, wall=75)
        self.assertEqual(self.verdict([ours, theirs], words).verdict, bars.PASS)
        self.assertEqual(self.verdict([dict(ours, wall=5.1), theirs], words).verdict, bars.FAIL)

    def test_pop3_is_judged_beside_each_peer(self):
        ours = row("pop3-initial", "postrider", 5000, wall=1)
        rows = [ours, row("pop3-initial", "mpop", 5000, wall=4), row("pop3-initial", "getmail6", 5000, wall=19)]
        self.assertEqual(self.verdict(rows, "as fast as mpop").verdict, bars.PASS)
        self.assertEqual(self.verdict(rows, "as fast as getmail6").verdict, bars.FAIL)
        trips = [row("pop3-trips", "postrider", 400, round_trips=n, waits=n, commands=800, connections=1) for n in (8, 9)]
        self.assertEqual([self.verdict([trip], "400 messages").verdict for trip in trips], [bars.PASS, bars.FAIL])
        left = row("pop3-keep-unchanged", "postrider", 20000, cpu=.049)
        self.assertEqual(self.verdict([left], "left on a POP3 server").verdict, bars.PASS)

    def test_a_smaller_size_decides_nothing(self):
        rows = [row("initial-1f", "postrider", 3000, wall=1), row("initial-1f", "mbsync15", 3000, wall=90)]
        verdict = self.verdict(rows, "1 mailbox, plain: at least 15")
        self.assertEqual((verdict.verdict, verdict.ratio), (bars.OPEN, "90.0"))

    def test_two_runs_make_no_ratio(self):
        rows = [row("initial-1f", "postrider", 20000, wall=1), row("initial-1f", "mbsync15", 20000, run="two", wall=90)]
        self.assertEqual(self.verdict(rows, "1 mailbox, plain: at least 15").verdict, bars.OPEN)

    def test_the_slower_floor_counts_and_of_the_disk_the_quickest_way(self):
        rows = [row("initial-1f", "postrider", 20000, wall=6), row("initial-1f", "floor", 20000, check="-", wall=1),
                row("initial-1f", "disk:batch-syncfs", 20000, check="-", wall=4), row("initial-1f", "disk:batch-fsync", 20000, check="-", wall=9)]
        verdict = self.verdict(rows, "1 mailbox, plain: at most 1.5")
        self.assertEqual((verdict.verdict, verdict.ratio), (bars.PASS, "1.50"))

    def test_what_is_stored_wrongly_passes_nothing(self):
        good = row("wire-imap-unchanged", "postrider", 1000, round_trips=2, waits=2, commands=5, connections=1)
        self.assertEqual(self.verdict([good], "nothing changed: at most 2").verdict, bars.PASS)
        for wrong in (dict(good, check="1 not identical"), dict(good, rc=76)):
            self.assertEqual(self.verdict([wrong], "nothing changed: at most 2").verdict, bars.FAIL)

    def test_memory_counts_only_beside_the_large_message(self):
        usual = row("f200-first", "postrider", 20000, maxrss_kb=41 * 1024)
        large = row("big-message", "postrider", 20001, maxrss_kb=30 * 1024)
        self.assertEqual(self.verdict([usual], "below 40 MB").verdict, bars.OPEN)
        self.assertEqual(self.verdict([large], "below 40 MB").verdict, bars.PASS)
        self.assertEqual(self.verdict([usual, large], "below 40 MB").verdict, bars.FAIL)

    def test_of_latencies_the_worst_counts(self):
        flags = row("latency", "postrider", 50, wall=.9, latencies=[.8] * 49 + [1.9], check="0.800 to 1.900 s")
        self.assertEqual(self.verdict([flags], "a flag that a reader sets").verdict, bars.PASS)
        flags["latencies"][0] = 2.1
        self.assertEqual(self.verdict([flags], "a flag that a reader sets").verdict, bars.FAIL)


class Said(unittest.TestCase):
    def talk(self, *turns):
        counts = Counts()
        talk = Talk(counts, "imap")
        for who, data in turns:
            (talk.client if who == "C" else talk.server)(data)
        return counts

    def test_a_flight_is_one_round_trip(self):
        counts = self.talk(("S", b"* OK\r\n"), ("C", b"1 NOOP\r\n2 NO"), ("C", b"OP\r\n"), ("S", b"1 OK\r\n2 OK\r\n"), ("C", b"3 LOGOUT\r\n"))
        self.assertEqual((counts.round_trips, counts.waits, sum(counts.verbs.values())), (2, 2, 3))

    def test_asking_while_an_answer_arrives_is_no_wait(self):
        counts = self.talk(("C", b"1 UID FETCH 1:9 BODY[]\r\n2 UID FETCH 10 BODY[]\r\n"), ("S", b"1 OK\r\n"), ("C", b"3 NOOP\r\n"))
        self.assertEqual((counts.round_trips, counts.waits), (2, 1))

    def test_a_tag_cut_in_two_is_an_answer(self):
        counts = self.talk(("C", b"tag1 NOOP\r\n"), ("S", b"* 1 EXISTS\r\nta"), ("S", b"g1 OK\r\n"), ("C", b"tag2 NOOP\r\n"))
        self.assertEqual(counts.waits, 2)

    def test_a_literal_is_no_command(self):
        counts = self.talk(("C", b"1 APPEND INBOX {12+}\r\n2 NOOP\r\n2 NO\r\n3 NOOP\r\n"))
        self.assertEqual(sum(counts.verbs.values()), 2)


def passes():
    suite = unittest.defaultTestLoader.loadTestsFromModule(__import__(__name__, fromlist=["self_test"]))
    return unittest.TextTestRunner(verbosity=0).run(suite).wasSuccessful()
