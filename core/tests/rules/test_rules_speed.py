"""The benchmark of the rules runs and measures what it says; its figures are not asserted, machines differ."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "rules.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rules_benchmark", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where pydantic resolves the annotations of its models
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name", ["some conditions repeated", "all conditions different", "different, every rule asked"]
)
def test_most_rules_of_the_benchmark_do_not_fire_and_some_do(name: str, benchmark: ModuleType) -> None:
    book = benchmark.make_book(200, benchmark.BOOKS[name])

    fired = book.plan(benchmark.make_snapshot()).fired

    assert 1 <= len(fired) <= 20


def test_asking_costs_less_than_a_generous_bound_a_rule(benchmark: ModuleType) -> None:
    book = benchmark.make_book(200, benchmark.BOOKS["different, every rule asked"])

    _, times = benchmark.measure(book, benchmark.make_snapshot(), 50)

    # Ten times the target: this catches an accident such as compiling anew, not a slow machine.
    assert times[0] < benchmark.TARGET * 10


def test_the_benchmark_prints_its_figures(benchmark: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    benchmark.main(["--rules", "20", "--rounds", "20"])

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9
    assert sum("median" in line and "p99" in line for line in lines) == 6
