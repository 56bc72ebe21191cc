"""The store: all its ports on one pair of engines and one writer thread."""

from __future__ import annotations

from hotline.store.audit import SqlAudit
from hotline.store.call_reads import SqlCallReads
from hotline.store.chain import SqlChain
from hotline.store.decisions import SqlDecisions
from hotline.store.desk_reads import SqlDeskReads
from hotline.store.desk_writes import SqlDeskWrites
from hotline.store.dispatches import SqlDispatches
from hotline.store.due import SqlDue
from hotline.store.guests import SqlGuests
from hotline.store.homes import SqlHomes
from hotline.store.indicators import SqlIndicators
from hotline.store.journal import SqlJournal
from hotline.store.legs import SqlLegs
from hotline.store.neighbours import SqlNeighbours
from hotline.store.notices import SqlNotices
from hotline.store.outbox import SqlOutbox
from hotline.store.phones import SqlPhones
from hotline.store.qualities import SqlQualities
from hotline.store.recording_reads import SqlRecordings
from hotline.store.recovery import SqlRemains
from hotline.store.retention import SqlRetention
from hotline.store.search import SqlSearch
from hotline.store.seed import SqlSeed
from hotline.store.transcripts import SqlTranscripts
from hotline.store.upkeep import SqlUpkeep
from hotline.store.users import SqlUsers


class Store(
    SqlChain,
    SqlAudit,
    SqlJournal,
    SqlLegs,
    SqlGuests,
    SqlTranscripts,
    SqlOutbox,
    SqlNotices,
    SqlRemains,
    SqlRecordings,
    SqlRetention,
    SqlSeed,
    SqlUsers,
    SqlPhones,
    SqlQualities,
    SqlCallReads,
    SqlDeskReads,
    SqlDeskWrites,
    SqlDue,
    SqlDecisions,
    SqlSearch,
    SqlIndicators,
    SqlUpkeep,
    SqlNeighbours,
    SqlDispatches,
    SqlHomes,
):
    """Everything durable. Fills Journal, Transcripts, Notices, Remains, Outbox and DeskStore.

    Constructor and life (``start``, ``stop``, ``migrate_blocking``) are those of
    ``hotline.store.work.Work``.
    """
