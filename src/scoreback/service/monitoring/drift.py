"""How far the events that a detector scores have moved from what it was trained on."""

from scoreback.health import HealthDocument, Kind
from scoreback.models.judging.home import Compared, Home
from scoreback.service.deploying.artifacts import stored_artifact
from scoreback.service.monitoring.subject import Subject
from scoreback.service.scoring.at_home import home_of
from scoreback.service.state.scored_counts import newest_event


def drift(subject: Subject) -> list[HealthDocument]:
    """Documents for the scores and for each feature; none where there is nothing to compare.

    Raises:
        ArtifactError: the champion is damaged.
    """
    state, champion = subject.app.state, subject.champion
    reference = stored_artifact(subject.app, subject.name, champion).reference
    newest = newest_event(state, subject.name, champion.version)
    if reference is None or newest is None:
        return []
    home = home_of(state, subject.name, champion.version, reference, newest)
    if home is None:
        return []
    return [_scores(subject, home), *(_feature(subject, home, each) for each in home.features)]


def moved(home: Home) -> dict[str, float]:
    """How far the scores have moved from those of training, and how far they usually move."""
    return {"psi": home.scores.psi, "usual_psi": home.scores.usual_psi}


def _scores(subject: Subject, home: Home) -> HealthDocument:
    return subject.document(
        Kind.SCORES,
        {
            "rows": home.rows,
            **moved(home),
            "unseen_entities": home.entity.unseen,
            "usual_unseen_entities": home.entity.usual_unseen,
            "unusual_features": sum(each.unusual for each in home.features),
            "at_home": float(home.at_home),
            "why": "; ".join(home.reasons) or None,
        },
    )


def _feature(subject: Subject, home: Home, each: Compared) -> HealthDocument:
    return subject.document(
        Kind.FEATURE,
        {
            "rows": home.rows,
            "psi": each.psi,
            "usual_psi": each.usual_psi,
            "missing": each.missing,
            "expected_missing": each.expected_missing,
            "unseen": each.unseen,
            "usual_unseen": each.usual_unseen,
            "unusual": float(each.unusual),
            "why": each.why or None,
        },
        subject=each.name,
    )
