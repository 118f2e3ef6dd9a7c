"""Other files to a recording: de-identified as a call of the service would be, with the site's own key."""

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cards import load_catalogue
from service import __version__
from service.recording.deidentify import Unreadable, deidentified
from service.recording.format import SCHEMA, Header, RecordingError, RecordingWriter
from service.recording.key import recording_key
from service.recording.policy import load_policy
from service.recording.recorder import listed_words
from service.recording.sources import Source
from service.recording.words import vocabulary
from service.settings import Settings


@dataclass(slots=True)
class Imported:
    """What an import came to; `skipped` counts what was left out, by reason."""

    written: int
    key_id: str
    skipped: Counter[str] = field(default_factory=Counter)


def import_source(source: Source, output: Path, settings: Settings) -> Imported:
    """Write the calls of a source to a new file. Raises RecordingError where none could be recorded."""
    policy, key = load_policy(), recording_key(settings.data_dir)
    words = vocabulary(load_catalogue(settings.knowledge), policy, listed_words(settings.record_words))
    header = Header(SCHEMA, f"upa-cds {__version__}", True, policy.version, key.id, None)
    try:
        with RecordingWriter(output, header) as writer:
            for exchange in source.exchanges():
                try:
                    kept = deidentified(exchange, partial(key.of_patient, ""), words, policy)
                except Unreadable:
                    source.skipped["a request that readers of JSON read differently"] += 1
                    continue
                if kept is not None:
                    writer.write(kept)
    except FileExistsError:
        raise RecordingError(f"{output}: exists already. Give the name of a new file.") from None
    except OSError as error:
        raise RecordingError(f"{output}: cannot be written ({error.strerror}). Give another place.") from None
    if not writer.written:
        reasons = ", ".join(f"{count} x {reason}" for reason, count in sorted(source.skipped.items()))
        raise RecordingError(f"{source.path}: holds no hook call ({reasons}). Give requests of a hook that is served.")
    return Imported(writer.written, key.id, source.skipped)
