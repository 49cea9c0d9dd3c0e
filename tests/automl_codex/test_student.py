"""The student's network and its ONNX: sizes, what padding must not move, parity, rounding."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is of the extra [train]")
torch.set_num_threads(1)

from automl_codex import student  # noqa: E402 - it imports torch
from automl_codex.student import NEW_ID, OLD_ID, PAD_ID, UNKNOWN_ID, Shape, padded  # noqa: E402
from codex_gate.errors import InternalError, UsageError  # noqa: E402
from codex_gate.student import LABELS  # noqa: E402
from codex_gate.tokenise import SPECIALS  # noqa: E402
from tests.automl_codex.sessions import session  # noqa: E402

KINDS = pytest.mark.parametrize("kind", sorted(student.KINDS))
RNG = np.random.default_rng(3)
ROWS = [[2, 4, *RNG.integers(90, 1500, n).tolist(), NEW_ID, *RNG.integers(90, 1500, m).tolist()] for n, m in ((0, 1), (3, 9), (60, 60), (1, 0), (20, 5))]


def made(kind: str, seed: int = 1):
    """A student whose weights are large enough for its answers to differ."""
    model = student.make(Shape(1500, kind), seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 2
    return model.eval()


@KINDS
def test_the_specifications_size_is_kept_at_a_full_vocabulary(kind: str) -> None:
    shape = Shape(24_000, kind)
    size = student.parameters(student.make(shape, 1))
    assert shape.dimensions == 256 and 6_000_000 < size <= student.MAX_PARAMETERS


def test_the_parameters_are_those_worked_out_by_hand() -> None:
    d, f = 256, 512
    block = 2 * 2 * d + (d * 3 * d + 3 * d) + (d * d + d) + (d * f + f) + (f * d + d)
    heads = d * 20 + 20
    assert student.parameters(student.make(Shape(1500), 1)) == 1500 * d + 128 * d + 2 * d + 2 * block + 2 * d + (d + 1) + heads


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kind": "lstm"}, "no student lstm; there are transformer, bag"),
        ({"layers": 0}, "layers must be 1 to 6, got 0"),
        ({"layers": 7}, "layers must be 1 to 6"),
        ({"limit": 8}, "limit must be 16 to 512, got 8"),
        ({"vocabulary": 40_000}, "has 11,333,397 parameters, at most 10,000,000"),
    ],
)
def test_a_shape_outside_its_range_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Shape(**{"vocabulary": 1500} | values)


@KINDS
def test_padding_and_company_move_nothing(kind: str) -> None:
    model = made(kind)
    with torch.no_grad():
        together = model(padded(ROWS))
        for row, found in zip(ROWS, together, strict=True):
            assert torch.allclose(model(padded([row]))[0], found, atol=1e-5)
    assert together.shape == (5, len(LABELS)) and float(together.std(0).min()) > 0


@KINDS
def test_before_and_after_are_not_the_same_thing(kind: str) -> None:
    model = made(kind)
    one, two = [2, 4, 100, 101, NEW_ID, 102], [2, 4, 102, NEW_ID, 100, 101]
    with torch.no_grad():
        there, back = model(padded([one])), model(padded([two]))
    assert float((there - back).abs().max()) > 1e-3


def test_a_bag_does_not_see_order_and_a_transformer_does() -> None:
    rows = [[2, 4, 100, 101, 102, NEW_ID, 103], [2, 4, 102, 100, 101, NEW_ID, 103]]
    moved = {}
    for kind in student.KINDS:
        with torch.no_grad():
            a, b = made(kind)(padded(rows))
        moved[kind] = float((a - b).abs().max())
    assert moved["bag"] < 1e-5 and moved["transformer"] > 1e-3


@KINDS
def test_a_message_is_not_what_stood_there_before(kind: str) -> None:
    rows = [[2, 3, 100, 101, OLD_ID, 102, NEW_ID, 103], [2, 3, 102, OLD_ID, 100, 101, NEW_ID, 103], [2, OLD_ID, 102, NEW_ID, 103]]
    with torch.no_grad():
        said, swapped, silent = made(kind)(padded(rows))
    for one, other in ((said, swapped), (said, silent), (swapped, silent)):
        assert float((one - other).abs().max()) > 1e-3


def test_a_bag_sees_no_order_in_a_message_either() -> None:
    with torch.no_grad():
        one, other = made("bag")(padded([[2, 3, 100, 101, OLD_ID, 102, NEW_ID, 103], [2, 3, 101, 100, OLD_ID, 102, NEW_ID, 103]]))
    assert float((one - other).abs().max()) < 1e-5


@KINDS
def test_the_same_seed_gives_the_same_weights(kind: str) -> None:
    states = [student.make(Shape(1500, kind), seed).state_dict() for seed in (1, 1, 2)]
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(states[0].values(), states[2].values(), strict=True))


@KINDS
def test_onnx_in_both_forms_gives_what_pytorch_gives_at_any_size(kind: str) -> None:
    model = made(kind)
    student.round_from_here(model)
    student.settle(model)
    plain, small, exact, near = student.exported(model, session, ROWS * 2)
    assert max(exact, near) <= student.PARITY
    assert len(small) < 0.4 * len(plain)
    for tokens in (1, 7, 128):
        assert session(small)(np.full((3, tokens), 95, np.int64)).shape == (3, 20)


@KINDS
def test_the_answer_of_a_block_does_not_depend_on_its_neighbours_in_a_batch(kind: str) -> None:
    run = session(student.to_int8(student.to_onnx(made(kind))))
    long = padded([ROWS[0], [*ROWS[1], *range(100, 160)]]).numpy()
    alone = padded([ROWS[0]]).numpy()
    assert run(long)[0] == pytest.approx(run(alone)[0], abs=1e-5)


@KINDS
def test_weights_that_were_never_rounded_are_told_nearly_and_so_refused(kind: str) -> None:
    model = made(kind)
    with torch.no_grad():
        model.category.weight *= 40
    with pytest.raises(InternalError, match=r"PyTorch and ONNX differ by"):
        student.exported(model, session, ROWS)


def test_a_rounded_table_has_a_scale_for_each_row_and_passes_its_gradient_on() -> None:
    table = torch.nn.Parameter(torch.tensor([[254.0, 1.2, -2.9], [0.0, 0.0, 0.0], [1e-3, -5e-4, 0.0]]))
    found = student.Rounded()(table)
    assert found[0].tolist() == [254.0, 2.0, -2.0]
    assert found[1].tolist() == [0.0, 0.0, 0.0]
    assert found[2].tolist() == pytest.approx([1e-3, -64 / 127 * 1e-3, 0.0], rel=1e-5)
    (found * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert table.grad is not None and table.grad.tolist() == [[1.0, 2.0, 3.0]] * 3
    whole, scale = student.rounded(table.detach().numpy(), 1)
    assert np.abs(whole).max() == student.LEVELS and whole * scale == pytest.approx(found.detach().numpy(), rel=1e-6)


def test_settling_leaves_the_rounded_tables_and_the_names_of_before() -> None:
    model, plain = made("transformer"), made("transformer")
    names = set(model.state_dict())
    student.round_from_here(model)
    given = model.tokens.weight.detach().clone()
    assert given.shape == plain.tokens.weight.shape and 0 < float((given - plain.tokens.weight).detach().abs().max()) < 1e-3
    student.settle(model)
    assert set(model.state_dict()) == names and torch.equal(model.tokens.weight, given)


def test_a_form_that_differs_is_not_let_through() -> None:
    model, other = made("bag"), made("bag", 2)
    with pytest.raises(InternalError, match=r"PyTorch and ONNX differ by .* on 5 rows, expected at most 1e-05"):
        student.exported(model, lambda data: lambda ids: other(torch.from_numpy(ids)).detach().numpy(), ROWS)


def test_rows_are_padded_behind() -> None:
    assert padded([[5, 6], [7]]).tolist() == [[5, 6], [7, PAD_ID]]


# -- filling in ----------------------------------------------------------------------------------------


class Watched(torch.nn.Module):
    """A transformer whose states are what it was asked, so that the loss can be worked out by hand."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.tokens = torch.nn.Embedding(vocabulary, vocabulary)
        with torch.no_grad():
            self.tokens.weight.copy_(torch.eye(vocabulary))
        self.asked: list[torch.Tensor] = []

    def states(self, ids: torch.Tensor) -> torch.Tensor:
        self.asked.append(ids)
        return self.tokens(ids)


def test_filling_hides_a_share_of_the_tokens_that_say_something() -> None:
    torch.manual_seed(1)
    watched, ids = Watched(200), torch.randint(len(SPECIALS), 200, (40, 100))
    ids[:, :3], ids[:, 50], ids[:, 90:] = torch.tensor([2, 3, 4]), NEW_ID, PAD_ID
    loss = student.Filling(watched)(ids)
    (asked,) = watched.asked
    hidden = asked != ids
    assert (asked[hidden] == UNKNOWN_ID).all() and not hidden[ids < len(SPECIALS)].any()
    assert float(hidden[ids >= len(SPECIALS)].float().mean()) == pytest.approx(0.15, abs=0.02)  # 3,440 tokens: three standard deviations are .018
    # the states speak for UNKNOWN by 1, for any other token by 0: of 200 tokens the one that was taken away has exp(0) of the sum
    assert loss.item() == pytest.approx(np.log(199 + np.e), abs=1e-4)


def test_a_loss_of_nothing_taken_away_is_a_zero_that_can_be_learned_from() -> None:
    model = student.make(Shape(1500), 1)
    loss = student.Filling(model)(padded([[2, 4, NEW_ID], [2, PAD_ID]]))
    loss.backward()
    assert loss.item() == 0.0 and all(parameter.grad is None or float(parameter.grad.abs().max()) == 0.0 for parameter in model.parameters())


def test_filling_teaches_which_tokens_go_together() -> None:
    torch.manual_seed(2)
    rows = padded([[2, 4, *[100 + number % 7] * 9, NEW_ID, *[100 + number % 7] * 9] for number in range(35)])  # each row says one thing over and over
    filling = student.Filling(student.make(Shape(1500, layers=1), 1))
    steps = torch.optim.AdamW(filling.parameters(), 1e-3)
    losses = []
    for _ in range(40):
        steps.zero_grad()
        loss = filling(rows)
        loss.backward()
        steps.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(np.log(1500), abs=0.5)  # at first any token is as likely
    assert np.mean(losses[-5:]) < np.log(7) / 2  # less than to know the seven and not which
