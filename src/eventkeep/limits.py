"""Every cap, by name, with its unit. Nothing in eventkeep is unbounded.

The first block is the Klaviyo Events API's own (its guides and OpenAPI
documents); the others are ours.
"""

from __future__ import annotations

from typing import Final

# The wire: what a request may hold.
BODY_BYTES_MAX: Final = 5_000_000
"""Bytes of a request body, counted after decompression."""
BULK_EVENTS_MAX: Final = 1_000
"""Events in one bulk request, over all its profiles."""
PROPERTIES_MAX: Final = 300
"""Top-level properties of one event."""
PROPERTY_STRING_BYTES_MAX: Final = 100_000
"""UTF-8 bytes of one string in the properties."""
PROPERTY_ARRAY_ELEMENTS_MAX: Final = 4_000
"""Elements of one array in the properties."""
PROPERTY_LEVELS_MAX: Final = 10
"""Nested levels of the properties; the properties object itself is level 1."""
METRIC_NAME_CHARACTERS_MAX: Final = 127
"""Characters of a metric's name."""
SERVICE_NAME_CHARACTERS_MAX: Final = 127
"""Characters of a metric's service."""
UNIQUE_ID_CHARACTERS_MAX: Final = 255
"""Characters of an event's unique_id."""
IDENTIFIER_CHARACTERS_MAX: Final = 255
"""Characters of an external_id, anonymous_id, _kx."""
EMAIL_CHARACTERS_MAX: Final = 254
"""Characters of an email address."""
PROFILE_ATTRIBUTE_CHARACTERS_MAX: Final = 10_000
"""Characters of a plain profile attribute such as first_name or image."""
PROFILE_PROPERTIES_MAX: Final = 400
"""Keys of one profile's properties after a merge."""
PROFILE_PROPERTIES_BYTES_MAX: Final = 1_000_000
"""Bytes of one profile's properties as JSON after a merge."""
PROFILE_PAYLOAD_BYTES_MAX: Final = 100_000
"""Bytes of the body that creates, updates or imports one profile, and of one profile of a bulk import."""
BULK_IMPORT_PROFILES_MAX: Final = 10_000
"""Profiles of one bulk import job."""
IDENTIFIERS_PATCHED_MAX: Final = 100
"""Secondary email addresses that one request adds to a profile, or removes."""
JOB_PROFILES_MAX: Final = 100
"""Profiles of one job that unsubscribes, suppresses or unsuppresses."""
SUBSCRIBED_PROFILES_MAX: Final = 1_000
"""Profiles of one job that subscribes, from revision 2024-07-15 on; JOB_PROFILES_MAX before."""
JOB_PUSH_TOKENS_MAX: Final = 100
"""Push tokens of one profile in a job."""
JOB_LISTS_MAX: Final = 100
"""Lists that one bulk import job may name."""
PAGE_PROFILES_DEFAULT: Final = 20
"""Profiles on a page if the request gives no size."""
PAGE_PROFILES_MAX: Final = 100
"""Profiles on a page, at the most."""
EVENT_YEAR_MIN: Final = 2000
"""Events are at or after the first second of this year (UTC)."""
EVENT_FUTURE_SECONDS_MAX: Final = 366 * 24 * 3600
"""How far ahead of now an event's time may lie, in seconds."""
PAGE_EVENTS_DEFAULT: Final = 200
"""Events on a page where the request or the revision gives no size."""
PAGE_BYTES_MAX: Final = 10_000_000
"""Bytes of properties, and of included profiles, at which a page ends early; two of the largest events fit."""
PAGE_EVENTS_MAX: Final = 1_000
"""Events on a page, at the most, where the revision has ``page[size]``."""

# What a refused request is told.
FAULTS_MAX: Final = 100
"""Errors reported for one request; the rest is left out."""
ECHO_CHARACTERS_MAX: Final = 100
"""Characters of a wrong value that are repeated in a message."""

# Query strings and headers.
QUERY_BYTES_MAX: Final = 16_384
"""Bytes of a query string, as it is sent."""
FILTER_CHARACTERS_MAX: Final = 8_192
"""Characters of a filter."""
FILTER_CONDITIONS_MAX: Final = 32
"""Conditions in one filter."""
FILTER_NESTING_MAX: Final = 8
"""Levels of and(…) in one filter."""
CURSOR_CHARACTERS_MAX: Final = 1_024
"""Characters of a cursor."""

# The body while it arrives.
BODY_SECONDS_MAX: Final = 30.0
"""Seconds in which a whole request body must have arrived."""
GZIP_MEMBERS_MAX: Final = 100
"""Members of a gzip body; compressors that work in blocks write several."""
JSON_NESTING_MAX: Final = 64
"""Levels of a whole request document; deeper ones are refused before parsing."""

# Ingest.
QUEUE_EVENTS_MAX: Final = 200_000
"""Events that may wait for their commit; past it: 503."""
QUEUE_BYTES_MAX: Final = 200_000_000
"""Body bytes that may wait for their commit; past it: 503."""
BATCH_EVENTS_MAX: Final = 50_000
"""Events in one commit."""
BATCH_BYTES_MAX: Final = 50_000_000
"""Body bytes in one commit: it holds its events as rows and once more as a record of the journal."""
RETRY_AFTER_SECONDS: Final = 1
"""What a refused client is told to wait when the queue is full, in seconds."""

# The stores.
PROFILE_CACHE_ENTRIES_MAX: Final = 200_000
"""Profiles kept in memory beside the directory."""
PROFILE_CACHE_BYTES_MAX: Final = 300_000_000
"""Bytes of memory that they may take together, about."""
CONSENT_LISTS_MAX: Final = 1_000
"""Lists of which one profile's consent remembers what was said last."""
METRICS_PER_ACCOUNT_MAX: Final = 10_000
"""Metrics of one account; a request that would make more is refused."""
METRIC_CACHE_ENTRIES_MAX: Final = 100_000
"""Metrics kept in memory beside the directory."""
KEY_CACHE_ENTRIES_MAX: Final = 1_000
"""Keys whose look-up is remembered."""
KEY_CACHE_SECONDS_MAX: Final = 0.5
"""How long a key's look-up may be reused; a revocation is noticed within it."""
SQL_PARAMETERS_MAX: Final = 5_000
"""Values bound in one IN list; longer lists are sent in pieces."""
READER_THREADS: Final = 4
"""Threads that read the event log, each on a connection of its own."""
PAGES_REMEMBERED_BYTES_MAX: Final = 50_000_000
"""Bytes of the pages that are remembered for as long as the event log's table stays as it is."""
EVENTS_REMEMBERED_BYTES_MAX: Final = 20_000_000
"""Bytes of the events that were read lately and are remembered by their ids; a page more may be there for a moment."""
PAGE_QUERY_BYTES_MAX: Final = 100_000_000
"""Bytes of memory that the engine may take for a page before it is asked how large the page's events are."""
STORE_DESCRIPTORS_MAX: Final = 256
"""Files of the event store that are open at once, beside those being read at the moment."""
SEGMENT_ROWS_MAX: Final = 1 << 24
"""Events in one segment."""
SEGMENT_FLUSH_BYTES: Final = 100_000_000
"""Bytes of events in memory at which they are flushed to a segment, before they are FLUSH_EVENTS."""
SEGMENT_FLUSH_SECONDS: Final = 60.0
"""How long events may wait in memory for their flush, in seconds; the log has them meanwhile."""
TAIL_PART_EVENTS: Final = 65_536
"""Events up to which parts of the event store's tail are joined: so many are sorted at once for a read."""
MERGE_ROWS: Final = 16_384
"""Rows of each segment that a merge has in memory, and rows that a flush writes at once."""
MERGE_RESERVE_BYTES: Final = 256_000_000
"""Free bytes that a merge leaves on the disk beside its output, for the log and for flushes."""
REPACKED_ROWS_MAX: Final = 65_536
"""Rows up to which a merge packs the documents anew; those of larger segments stay where they are."""
REPACKED_BYTES_MAX: Final = 64_000_000
"""Bytes of document files up to which a merge packs the documents anew."""
SHARED_BLOCK_ROWS_MAX: Final = 1_024
"""Rows of a segment below which documents of several accounts share a block."""
PACKED_AT_ONCE_EVENTS: Final = 32_768
"""Documents that are packed into blocks at once."""
PACKED_AT_ONCE_BYTES: Final = 16_000_000
"""Bytes of documents that are packed into blocks at once, unless one document has more."""
DOCUMENTS_AT_ONCE_BYTES: Final = 32_000_000
"""Bytes of blocks that are decompressed at once, unless the block of one document has more."""
SCAN_ROWS: Final = 4_096
"""Rows of each segment that a scan has in memory."""
KEYS_AT_ONCE: Final = 2_048
"""Keys that are looked up in the segments at once."""
FILTER_RETRY_SECONDS: Final = 5.0
"""What the making of the filter of known keys waits after an error, in seconds."""
READS_WAITING_MAX: Final = 1_000
"""Reads that may wait for a reader thread; past it: 503."""

# Imports.
IMPORT_LINE_BYTES_MAX: Final = 5_000_000
"""Bytes of one line of JSON Lines, and of one field of CSV."""
IMPORT_TIMES_REMEMBERED_MAX: Final = 100_000
"""Distinct times whose parsing is remembered during an import."""
IMPORT_REQUESTS_AT_ONCE_MAX: Final = 64
"""Requests that an import may have under way."""
IMPORT_ATTEMPTS_MAX: Final = 10
"""Tries of one request of an import before it gives up."""
IMPORT_WAIT_SECONDS_MAX: Final = 120.0
"""The longest wait before the next try, also where the server asks for a longer one, in seconds."""
IMPORT_FAULTS_SHOWN_MAX: Final = 20
"""Errors of a refused request that are shown, each with its row."""

# The directory.
IDENTIFIER_CACHE_ENTRIES_MAX: Final = 400_000
"""Identifiers kept in memory beside the directory."""
ACCOUNT_NAME_CHARACTERS_MAX: Final = 100
"""Characters of an account's name."""
KEY_LABEL_CHARACTERS_MAX: Final = 200
"""Characters of a key's label."""
KEY_CHARACTERS_MAX: Final = 200
"""Characters of an API key as sent; a longer one is no key of ours."""
KEY_LAST_USED_SECONDS: Final = 60.0
"""How often the time of a key's last use is written down, in seconds."""
DIRECTORY_BUSY_SECONDS_MAX: Final = 20.0
"""How long one process waits for another's directory transaction, in seconds."""
DIRECTORY_READERS_MAX: Final = 20
"""Connections of one process that read the directory at the same time."""
DIRECTORY_WRITER_CACHE_BYTES: Final = 64_000_000
"""Page cache of the connection that writes to SQLite."""
DIRECTORY_READER_CACHE_BYTES: Final = 8_000_000
"""Page cache of each connection that reads from SQLite."""
DIRECTORY_WAL_PAGES: Final = 16_000
"""Pages in SQLite's write-ahead log before they are copied into the database file."""

# The log of all changes.
RECORD_BYTES_MAX: Final = 2_000_000_000
"""Bytes of one record; a commit that would need more is refused."""
LOG_FILE_BYTES_MIN: Final = 4_194_304
"""Bytes of the first file of the log; each later file is four times as large as the one before, up to the maximum."""
LOG_FILE_BYTES_MAX: Final = 67_108_864
"""Bytes of a file of the log, except for a file with one record that needs more."""
LOG_ZEROED_BYTES: Final = 1_048_576
"""Bytes that are filled with zeros ahead of small records, so that their sync changes no metadata of the file."""
LOG_SMALL_RECORD_BYTES: Final = 65_536
"""Bytes of a record up to which zeros are written ahead; a larger one would wait longer for them than it gains."""

# The event log's journal and tail.
FLUSH_EVENTS: Final = 200_000
"""Events in the tail at which they are moved to the table at once."""
FLUSH_SECONDS: Final = 1.0
"""Seconds that an event stays in the tail, at the most, while the table takes events."""
FLUSH_RETRY_SECONDS: Final = 1.0
"""Seconds between tries to move the tail when the table refuses it."""
TAIL_EVENTS_MAX: Final = 500_000
"""Events in the tail at which a commit waits for room."""
TAIL_BYTES_MAX: Final = 300_000_000
"""Bytes of events in the tail at which a commit waits for room."""
TAIL_WAIT_SECONDS_MAX: Final = 10.0
"""Seconds that a commit waits for room in the tail before its requests are refused."""
SEEN_WAIT_SECONDS_MAX: Final = 10.0
"""Seconds after a start that many new events wait until all kept keys are read, before each is looked up."""
TAIL_CHUNK_EVENTS_MIN: Final = 4_096
"""Smaller pieces of the tail are joined, so that a read looks at few of them."""
JOURNAL_RECORD_BYTES_MAX: Final = 1_000_000_000
"""A journal record that says it is longer is not one."""

# The server's process.
DRAIN_SECONDS_MAX: Final = 15.0
"""Seconds that a stopping server waits for the requests under way."""
CLOSE_SECONDS_MAX: Final = 5.0
"""Seconds that a stopping server goes on sending answers to clients that are slow to take them."""
HEADER_BYTES_MAX: Final = 65_536
"""Bytes of a request's line and headers."""
HEADERS_MAX: Final = 100
"""Headers of a request."""
HEADER_SECONDS_MAX: Final = 15.0
"""Seconds in which a request's headers must have arrived, and that an idle connection stays open."""
ANSWER_SECONDS_MAX: Final = 30.0
"""Seconds in which a client has to take some of its answer."""
LINGER_SECONDS_MAX: Final = 2.0
"""Seconds that a client that still sends is heard after its last answer, or one that has ended waits for a page."""
UNSENT_BYTES_MAX: Final = 200_000_000
"""Bytes of all answers that clients have not taken yet; past it those with the most are cut off."""
ACCEPTED_AT_ONCE_MAX: Final = 100
"""Connections that are accepted in one go."""
CONNECTIONS_MAX: Final = 1_024
"""Connections that are served at once; others wait to be accepted."""
OPEN_FILES_WANTED: Final = 65_536
"""Open files that the server allows itself, as far as the system does: its connections and the parts of the table."""
LISTEN_BACKLOG: Final = 1_024
"""Connections that may wait to be accepted."""

# What is remembered, and how long a text may be before it is looked at.
PHONE_NUMBER_CHARACTERS_MAX: Final = 40
"""Characters of a phone number as it is sent, with its separators."""
PHONE_NUMBERS_REMEMBERED_MAX: Final = 65_536
"""Distinct phone numbers whose E.164 form is remembered."""
TIME_CHARACTERS_MAX: Final = 64
"""Characters of an event's time; a fraction of a second may be of any length up to it."""
COLLECTOR_ALLOCATIONS: Final = 100_000
"""Objects made and not freed again after which the garbage collector looks for cycles."""
SWITCH_SECONDS: Final = 0.002
"""How long a thread that wants the interpreter's lock waits before it is asked for, in seconds."""
PROFILES_REMEMBERED_MAX: Final = 50_000
"""Profiles of create bodies whose reading is remembered, by their bytes."""
PROFILE_BYTES_REMEMBERED_MAX: Final = 1_000
"""Bytes of a profile in a create body from which on its reading is not remembered."""
METRIC_NAMES_REMEMBERED_MAX: Final = 2_000
"""Metrics of create bodies whose reading is remembered, by their bytes."""
METRIC_BYTES_REMEMBERED_MAX: Final = 1_000
"""Bytes of a metric in a create body from which on its reading is not remembered."""

# The SDK.
CLIENT_TIMEOUT_SECONDS: Final = 30.0
"""How long the SDK waits, by default, for a connection, and then for each piece of an answer, in seconds."""
CLIENT_RETRIES_MAX: Final = 5
"""How often the SDK tries a request again, by default."""
CLIENT_RETRY_SECONDS_MAX: Final = 60.0
"""How long all tries of a request may take together, by default, in seconds."""
CLIENT_BACKOFF_SECONDS_MIN: Final = 0.25
"""The wait before the first retry, before jitter, in seconds; each later one is twice as long."""
CLIENT_BACKOFF_SECONDS_MAX: Final = 10.0
"""The longest wait before a retry that the server did not ask for, in seconds."""
CLIENT_CONNECTIONS_MAX: Final = 100
"""Connections that one client keeps open."""
CLIENT_IDLE_SECONDS_MAX: Final = 5.0
"""How long an idle connection of the SDK is used again, in seconds: many servers and proxies close it soon after."""
RESPONSE_HEAD_BYTES_MAX: Final = 100_000
"""Bytes of the status line and the headers of an answer that the SDK reads."""
BATCH_BUFFER_EVENTS_MAX: Final = 20_000
"""Events that a batch holds, by default, until they are answered."""
BATCH_BUFFER_BYTES_MAX: Final = 50_000_000
"""Bytes of events that a batch holds, by default, until they are answered."""
BATCH_DELAY_SECONDS: Final = 0.5
"""How long, by default, an event waits for others to fill its request, in seconds."""
BATCH_GIVE_UP_SECONDS: Final = 300.0
"""How long, by default, a batch tries to send a request, in seconds."""
BATCH_CLOSE_SECONDS_MAX: Final = 60.0
"""How long, by default, the end of a batch goes on trying to send what waits, in seconds."""
BATCH_PAUSE_SECONDS: Final = 5.0
"""What a batch with a spool file waits after it gave up on a request and before it starts over, in seconds."""
BATCH_REQUESTS_AT_ONCE_MAX: Final = 64
"""Requests that one batch may have under way."""
BATCH_REFUSALS_REMEMBERED_MAX: Final = 20
"""Refused events that the error at the end of a batch holds."""
SPOOL_COMPACT_BYTES: Final = 64_000_000
"""Bytes of a spool file from which it is written anew, with only the events that are not answered yet."""
PARSER_THREADS: Final = 2
"""Threads that parse, in full, the create bodies that the native parser leaves."""
PARSER_BYTES_MAX: Final = 100_000_000
"""Bytes of the bodies that may wait for these threads; past it: 503."""
HEADS_REMEMBERED_MAX: Final = 10_000
"""Heads of creates whose parsing is remembered, by their bytes; they differ in their keys and their lengths."""
HEADS_BYTES_REMEMBERED_MAX: Final = 30_000_000
"""Bytes of memory that they may take together, about."""
HEAD_BYTES_REMEMBERED_MAX: Final = 2_000
"""Bytes of a head from which on its parsing is not remembered."""
GATHERING_SECONDS_MAX: Final = 0.005
"""How long single creates that go on coming in are gathered for one commit, in seconds."""
GATHERED_SINGLES_MAX: Final = 500
"""Single creates that are read together."""
GATHERED_BYTES_MAX: Final = 4_000_000
"""Bytes of the bodies of single creates that are read together."""
BODIES_BYTES_MAX: Final = 250_000_000
"""Bytes of all request bodies that are held at once, as they are told and decompressed; past it: 503."""

# The routes of our own.
ADMIN_READER_THREADS: Final = 2
"""Threads that count and list for our own routes, beside those of the API's reads."""
ADMIN_READS_WAITING_MAX: Final = 100
"""Requests to our own routes that may wait for such a thread; past it: 503."""
STATS_METRICS_MAX: Final = 1_000
"""Metrics that the stats of an account name, those with the most events."""
FEED_WAIT_SECONDS_MAX: Final = 30
"""How long a reader may ask to wait for the next event, in seconds."""
FEED_ATTENTION_SECONDS: Final = 60.0
"""How long after the last reader asked, or after the start, events are held for readers, in seconds."""
FEED_EVENTS_MAX: Final = 50_000
"""Events that are held for readers; the oldest go first."""
FEED_BYTES_MAX: Final = 50_000_000
"""Bytes of events that are held for readers; the oldest go first."""
FEED_READERS_MAX: Final = 20
"""Readers of one account that may wait for events at once; past it: 503."""

# Exports, and what is read from another server.
EXPORT_GIVE_UP_SECONDS: Final = 600.0
"""How long an export, or an import from another server, tries one request before it ends, in seconds."""
EXPORT_TIES_MAX: Final = 100_000
"""Events of one second that an export holds to put them in order; more of them come in pieces."""
EXPORT_TIMES_REMEMBERED_MAX: Final = 100_000
"""Distinct times whose text is remembered during an export."""
EXPORT_LOCATIONS_REMEMBERED_MAX: Final = 10_000
"""Distinct locations of profiles whose members are remembered during an export."""
EXPORT_ROW_GROUP_ROWS: Final = 50_000
"""Rows in one row group of a Parquet file; so many are held in memory."""
EXPORT_ROW_GROUP_BYTES: Final = 64_000_000
"""Bytes of rows at which a row group is written before it has all its rows."""

# The commands that read.
READY_DISK_BYTES_MIN: Final = 200_000_000
"""Free bytes of the disk below which eventkeep doctor finds a fault."""
ROOMY_DISK_BYTES_MIN: Final = 2_000_000_000
"""Free bytes of the disk below which eventkeep doctor warns."""
READY_INODES_MIN: Final = 1_000
"""Free inodes below which eventkeep doctor finds a fault."""
ROOMY_INODES_MIN: Final = 50_000
"""Free inodes below which eventkeep doctor warns."""
READY_OPEN_FILES_MIN: Final = 256
"""Open files that a process has to be allowed, or eventkeep doctor finds a fault."""
ROOMY_OPEN_FILES_MIN: Final = 4_096
"""Open files that a process should be allowed: one for each connection, and some hundred for the stores."""
QUICK_SYNC_SECONDS_MAX: Final = 0.02
"""What it should take, at the most, until a write is on disk, in seconds; each commit waits for it."""
CLOCK_SECONDS_MAX: Final = 5.0
"""How far two clocks may differ before eventkeep doctor warns, in seconds."""
READING_RETRIES_MAX: Final = 2
"""How often a command that somebody waits for tries a request again."""
LISTED_MAX: Final = 100_000
"""Rows that a listing command prints at the most; eventkeep export is for more."""
FOLLOW_OUTAGE_SECONDS_MAX: Final = 600.0
"""How long eventkeep tail waits for a server that does not answer, in seconds."""
FOLLOW_PAUSE_SECONDS: Final = 1.0
"""Between two tries of eventkeep tail to reach a server that does not answer, in seconds."""
IMPORT_PROFILES_REMEMBERED_MAX: Final = 20_000
"""Profiles of an export whose documents are remembered during an import."""
IMPORT_OVERLAP_SECONDS: Final = 3_600
"""How far before its beginning the second pass of an import from a server looks, by default, in seconds."""

# All together.
RESTING_BYTES: Final = 500_000_000
"""Bytes of memory of a server that has nothing to do: the interpreter, the engine, and what they map."""
READING_BYTES_MAX: Final = (
    # Pages in the engine, in rows, in events and in bytes; each thread keeps the room for the next one.
    READER_THREADS * (PAGE_QUERY_BYTES_MAX + 4 * PAGE_BYTES_MAX)
    + PAGES_REMEMBERED_BYTES_MAX
    + EVENTS_REMEMBERED_BYTES_MAX
)
"""Bytes of memory that pages take at the most, about, while they are read and after."""
MEMORY_BYTES_MAX: Final = (
    RESTING_BYTES
    + CONNECTIONS_MAX * 2 * HEADER_BYTES_MAX
    + UNSENT_BYTES_MAX
    # Bodies: in the pieces in which they came, in one, and as Python has them; and what was parsed of those that wait.
    + 3 * BODIES_BYTES_MAX
    + QUEUE_BYTES_MAX
    # Bodies that wait for the full parser, and those that it has as Python values.
    + PARSER_BYTES_MAX
    + PARSER_THREADS * 20 * BODY_BYTES_MAX
    # A commit: columns, rows and record; then the tail, which one commit may overfill, and its way into the table.
    + 3 * BATCH_BYTES_MAX
    + 3 * (TAIL_BYTES_MAX + BATCH_BYTES_MAX)
    + READING_BYTES_MAX
    + PROFILE_CACHE_BYTES_MAX
)
"""Bytes of memory that a server takes under any load, about, and more than was ever seen.

Not in it: the seen filter, which takes 4 to 16 bytes for each stored event.
"""

# The stand-in's controls.
FAULT_RULES_MAX: Final = 1_000
"""Fault rules of one account."""
FAULT_TEXT_CHARACTERS_MAX: Final = 1_000
"""Characters of a text in a condition of a fault rule."""
FAULT_DELAY_SECONDS_MAX: Final = 120.0
"""The longest latency that a fault rule adds, in seconds."""
SEED_ACCOUNTS_MAX: Final = 1_000
"""Accounts of a seed file."""
SEED_CUSTOMERS_MAX: Final = 1_000_000
"""Customers that a seed generates for one account."""
SEED_DAYS_MAX: Final = 3_650
"""Days over which a seed spreads generated events."""
SEED_EVENTS_MAX: Final = 10_000_000
"""Events that a seed makes for one account."""
CLOCK_RATE_MAX: Final = 1_000_000.0
"""How many times as fast as the system's clock a controlled clock may run."""
CLOCK_SECONDS_MAX_CONTROLLED: Final = 32_503_680_000.0
"""The latest time that a controlled clock shows, in Unix seconds: the year 3000."""
JOURNAL_ENTRIES_MAX: Final = 1_000
"""Requests in the journal of one account."""
JOURNAL_BODY_BYTES_MAX: Final = 10_000
"""Bytes of a request's or response's body that the journal keeps."""
CASSETTE_EXCHANGES_MAX: Final = 100_000
"""Exchanges of one cassette."""
CASSETTE_UPSTREAM_SECONDS_MAX: Final = 60.0
"""How long a recorder waits for the server that it forwards to, in seconds."""
