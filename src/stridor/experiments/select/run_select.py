"""Rank ways to score for the machines of detectors, from clips to the report."""

from collections.abc import Callable, Sequence
from pathlib import Path

from stridor.common.atomic import atomic_file
from stridor.common.compute import device_for
from stridor.data.manifest import build_manifest
from stridor.experiments.select.rank import Ranked, rank_machine
from stridor.experiments.select.select_report import best, mean_pseudo_auc, to_markdown, total
from stridor.experiments.select.ways import Way, views_in, ways
from stridor.models.checkpoint import initial_encoder, load_encoder, load_tagger
from stridor.models.encoder import Encoder
from stridor.params import Params
from stridor.params.scoring_sections import ViewEncoder
from stridor.params.sections import NO_CHECKPOINT
from stridor.scoring.views import detector_embedder
from stridor.stages.layout import DATA, REPORTS, Layout


def select(
    params: Params, detectors: Sequence[str] = (), print_line: Callable[[str], object] = print
) -> dict[str, dict[Way, Ranked]]:
    """Rank ways to score by injected faults and write `reports/select.md`.

    The encoders are the one that training starts from and the audio tagger, so that nothing needs to be trained. Where
    all the detectors have been trained, their encoders are ranked as well; they have heard the clips that stand for
    unheard ones here, which can only favour them.

    Parameters
    ----------
    detectors : sequence of str
        Detectors whose machines take part; all of params.yaml if none is given.
    print_line : callable
        Prints a line.

    Raises
    ------
    StridorError
        If a detector is unknown or a machine has fewer than ten normal clips.
    """
    detectors = params.named_detectors(detectors)
    encoders: dict[ViewEncoder, Encoder] = {"frozen": initial_encoder(params.encoder, params.seed)}
    if params.tagger.checkpoint != NO_CHECKPOINT:
        encoders["tagger"] = load_tagger(params.tagger)
    layers: dict[ViewEncoder, int] = {name: encoder.layers for name, encoder in encoders.items()}
    if trained := all(Layout(detector).encoder.exists() for detector in detectors):
        layers["fine_tuned"] = encoders["frozen"].layers
    else:
        print_line("Fine-tuned encoders are left out: not every detector has been trained (run 'dvc repro').")
    all_ways = ways(layers)
    views = [(view.encoder, view.embedding(params.embedding)) for view in views_in(all_ways)]
    results: dict[str, dict[Way, Ranked]] = {}
    for detector in detectors:
        if trained:
            encoders["fine_tuned"] = load_encoder(Layout(detector).encoder)
        embedder = detector_embedder(views, encoders, device_for(params.compute.accelerator))
        manifest = build_manifest(DATA, params.detectors[detector].machines)
        for machine in manifest.machines:
            test = manifest.select("test", machine)
            labelled = test if all(clip.domain and clip.label for clip in test) else ()
            results[machine] = rank_machine(
                machine, all_ways, embedder, manifest.select("train", machine), labelled, params
            )
            print_line(f"{machine}: {best({machine: results[machine]}).text()}")
    chosen = best(results)
    measured = total(results, chosen)
    official = "" if measured is None else f"; official total {100 * measured:.1f}, by which nothing is chosen"
    print_line(f"All: {chosen.text()}, pseudo-anomaly AUC {100 * mean_pseudo_auc(results, chosen):.1f}{official}")
    with atomic_file(Path(REPORTS) / "select.md") as temporary:
        temporary.write_text(to_markdown(results), encoding="utf-8")
    return results
