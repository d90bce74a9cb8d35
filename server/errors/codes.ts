/**
 * Every error code that Aura itself raises, with its status and its meaning. PostgreSQL's own SQLSTATEs pass
 * through untouched (postgres.ts gives them a status). PostgREST's codes are used where PostgREST has the
 * condition; ours start with AURA. Numbers are grouped by room and never used again for something else.
 * `docs/errors.md` is generated from this table.
 */
import { ApiError } from './error.ts';

interface CodeEntry {
  readonly status: number;
  readonly meaning: string;
  /** What to do about it; the error itself may carry a more precise hint. */
  readonly remedy: string;
}

const entry = (status: number, meaning: string, remedy: string): CodeEntry => ({ status, meaning, remedy });

/** Code → status, meaning, remedy. */
export const codes = {
  // HTTP itself (host)
  AURA010: entry(
    400,
    'What was sent is not HTTP that can be read.',
    'Percent-encode the URL, and send a Host header with a host name.',
  ),
  AURA011: entry(
    431,
    'The URL and the headers together are too long to be read.',
    'Send fewer or shorter headers; the limit is 64 KB beside the longest URL.',
  ),
  AURA012: entry(408, 'The request did not arrive in time.', 'Send it again, without pauses.'),
  // connection (execute)
  PGRST000: entry(
    503,
    'The database cannot be reached.',
    'Check that PostgreSQL runs and that `db-uri` is right; requests are served again as soon as it answers.',
  ),
  PGRST001: entry(
    503,
    'The connection was lost while the request ran.',
    'Send the request again; a write may have been committed just before the loss.',
  ),
  PGRST002: entry(
    503,
    'The catalog has not been loaded yet.',
    'Wait for the time in Retry-After; `/ready` on the admin port says why it takes long.',
  ),
  PGRST003: entry(
    503,
    'No connection of the pool became free in time.',
    'Raise `db-pool`, lower the load, or look for slow statements.',
  ),
  AURA001: entry(
    499,
    'The client went away before its answer; the statement was cancelled.',
    'Nothing: only the log shows it.',
  ),
  AURA002: entry(
    503,
    'As many streamed answers and imports run as `db-max-streams` allows.',
    'Try again later, or raise the setting.',
  ),
  AURA003: entry(
    408,
    'A streamed answer or an import took longer than `db-stream-timeout`, or its client did nothing for longer than `server-stream-idle-timeout`.',
    'Read or send faster, in smaller parts, or raise the setting.',
  ),
  // request
  PGRST100: entry(
    400,
    'A query parameter does not follow the grammar.',
    'Read the position in the message and what was expected in the details.',
  ),
  PGRST101: entry(405, 'A function cannot be called with this method.', 'Use GET, HEAD or POST.'),
  PGRST102: entry(
    400,
    'The body is empty, malformed or of a media type that cannot be read here.',
    'Send JSON, CSV or a form with the matching Content-Type; all objects of an array need the same keys unless `columns` is given.',
  ),
  PGRST103: entry(
    416,
    'The requested range cannot be satisfied.',
    'Ask for an offset below the total, and a lower bound that is not above the upper one.',
  ),
  PGRST105: entry(
    405,
    'PUT needs `eq` filters on all columns of the primary key, and no others.',
    'Address one row by its whole primary key.',
  ),
  PGRST106: entry(
    406,
    'The schema named in Accept-Profile or Content-Profile is not exposed.',
    'Use one of the schemas that the hint lists.',
  ),
  PGRST107: entry(
    406,
    'None of the accepted media types can be produced.',
    'Accept application/json or another listed type.',
  ),
  PGRST108: entry(
    400,
    'A filter, order or limit names an embed that the select does not have.',
    'Add the embed to `select`, or use its alias.',
  ),
  PGRST111: entry(
    500,
    'The setting response.headers is not a JSON array of one-key objects.',
    'Set it to for instance `[{"X-Name": "value"}]`.',
  ),
  PGRST112: entry(
    500,
    'The setting response.status is not a status code.',
    'Set it to an integer from 100 to 599.',
  ),
  PGRST114: entry(400, 'PUT takes no limit or offset.', 'Leave them out.'),
  PGRST115: entry(
    400,
    'The body of a PUT has another primary key than the URL.',
    'Send the same key in both.',
  ),
  PGRST116: entry(
    406,
    'One object was asked for, but the result has none or several rows.',
    'Filter by a unique key, or accept application/json.',
  ),
  PGRST117: entry(405, 'The method is not supported here.', 'OPTIONS on the address lists what is.'),
  PGRST118: entry(
    400,
    'Rows can be ordered by an embedded column only along a to-one relationship.',
    'Order by a column of a to-one embed.',
  ),
  PGRST120: entry(
    400,
    'An embed can be filtered only with `is.null` and `not.is.null`.',
    'Filter its columns with `embed.column=...` instead.',
  ),
  PGRST121: entry(
    500,
    "A function raised SQLSTATE 'PGRST' with JSON that cannot be read.",
    'Follow the hint for the shape of MESSAGE and DETAIL.',
  ),
  PGRST122: entry(
    400,
    'With `handling=strict` a preference was not understood.',
    'Leave the listed preferences out.',
  ),
  PGRST123: entry(400, 'Aggregate functions are switched off.', 'Set `db-aggregates-enabled`.'),
  PGRST124: entry(
    400,
    'More rows were affected than `max-affected` allows; nothing was changed.',
    'Narrow the filter or raise the preference.',
  ),
  PGRST125: entry(404, 'The path names nothing.', 'Use /relation or /rpc/function.'),
  PGRST126: entry(404, 'The description of the API is switched off.', 'Set `openapi-mode`.'),
  PGRST127: entry(400, 'The combination is not implemented.', 'See the details.'),
  PGRST128: entry(
    400,
    '`max-affected` with `handling=strict` needs a function that returns a set.',
    'Declare the function RETURNS SETOF or TABLE.',
  ),
  AURA100: entry(414, 'The URL is longer than `server-max-url-length`.', 'Shorten it, or raise the setting.'),
  AURA101: entry(
    413,
    'The body is larger than `server-max-body-size`.',
    'Send it in parts, or raise the setting.',
  ),
  AURA102: entry(
    400,
    'More filters than `db-max-filters`.',
    'Use `in` for lists of values, or raise the setting.',
  ),
  AURA103: entry(
    400,
    'Embeds nest deeper than `db-max-embed-depth`, or conditions or a value too deeply.',
    'Ask in several requests, simplify the request, or raise the setting.',
  ),
  AURA104: entry(
    400,
    'The request is not valid UTF-8, or holds a NUL character.',
    'Encode it as UTF-8; PostgreSQL stores no NUL.',
  ),
  AURA105: entry(400, 'The body ended before its announced length.', 'Send the request again.'),
  AURA106: entry(
    400,
    'X-HTTP-Method-Override asks for something else than GET, or QUERY comes with a body of another type than a form.',
    'Send the parameters of a GET as application/x-www-form-urlencoded.',
  ),
  AURA107: entry(
    400,
    'A PATCH with `on` needs an array of objects, each with its own values for the key columns.',
    'Give every object the columns that `on` names, and no key twice.',
  ),
  AURA110: entry(
    413,
    'The body of an import is larger than `server-max-import-size`; nothing of it was written.',
    'Send it in parts, or raise the setting.',
  ),
  AURA111: entry(
    400,
    'A record of an import is longer than `server-max-body-size`.',
    'Look for a missing quote; raise the setting if there is none.',
  ),
  AURA120: entry(
    400,
    'The document of a batch is not as it must be.',
    'See the details, and the page on batches for what it may hold.',
  ),
  AURA121: entry(
    400,
    'A batch has more requests than `server-max-batch-steps`.',
    'Send several batches, write several rows by one request, or raise the setting.',
  ),
  AURA122: entry(
    400,
    'A reference in a batch is malformed, leads to no earlier request, or stands where no value can stand.',
    'Write `#/<name or index>/body/...` and put it where a value belongs.',
  ),
  AURA123: entry(
    400,
    'A reference in a batch leads to a place that the earlier answer does not have.',
    'Look at what that request answers by itself; writes answer rows with `Prefer: return=representation`.',
  ),
  AURA124: entry(
    400,
    'A request of a batch brings a header that belongs to the whole batch, such as a token.',
    'Send it with the batch: it counts for all of its requests.',
  ),
  AURA125: entry(400, 'A batch has a batch in it.', 'Put the requests of the inner one into the outer one.'),
  AURA126: entry(
    400,
    'A request of a batch asks of the transaction what the batch as a whole has not.',
    'Ask it of the batch: `isolation` in its document, `Prefer: tx=` in its headers.',
  ),
  AURA127: entry(
    504,
    'A batch took longer than `server-batch-timeout`; nothing was changed.',
    'Send fewer requests at once, look for slow ones, or raise the setting.',
  ),
  AURA128: entry(
    400,
    'The results of a batch are larger than `server-max-batch-result-size`; nothing was changed.',
    'Ask for fewer rows or columns, send fewer requests at once, or raise the setting.',
  ),
  AURA130: entry(
    412,
    'The condition of If-Match or If-None-Match does not hold; nothing was changed.',
    'Read the row again, and decide anew.',
  ),
  AURA131: entry(
    400,
    'A write with If-Match or If-None-Match would change several rows; nothing was changed.',
    'Address one row by a unique key.',
  ),
  AURA132: entry(
    400,
    'If-Match or If-None-Match is malformed, or comes with a request that it cannot be a condition of.',
    'Send entity tags as an answer gave them, with GET, HEAD, PATCH, PUT or DELETE of a relation.',
  ),
  AURA140: entry(
    400,
    'A value of a nested body is not what its embed takes, or two embeds of an object have one name.',
    'Give a to-one embed an object or null and a to-many embed an array of objects; tell embeds apart by aliases.',
  ),
  AURA141: entry(
    413,
    'A nested body has more objects than `db-max-nested-objects`, or more places for them than one request may have.',
    'Send it in several requests, or raise the setting.',
  ),
  AURA142: entry(
    400,
    'An object of a nested body gives a key column another value than the row has that it is joined to.',
    'Leave the column out: it is filled from the other row.',
  ),
  AURA143: entry(
    409,
    'An object of a nested body did not become a row of its own; nothing was written.',
    'Look for triggers that skip rows, and whether the row that exists already may be seen.',
  ),
  AURA160: entry(
    400,
    'The cursor was not made by this server, was changed, or its secret has been replaced.',
    'Take cursors from the Link header as they are; leave it out to start over.',
  ),
  AURA161: entry(
    400,
    'The cursor belongs to another relation, or to another order of its rows.',
    'Send it with the relation and the order that it came from.',
  ),
  AURA162: entry(
    400,
    'Pages by cursor do not go with `offset`, Range, aggregates or functions.',
    'Use `limit` and `offset` for these.',
  ),
  AURA163: entry(
    400,
    'The relation has no key that tells its rows apart, so that no position among them can be named.',
    'Add a primary key, or a unique constraint over columns that are not null.',
  ),
  AURA164: entry(
    400,
    'Two rows at the end of a page have the same key: the next page would lose one of them.',
    "The view's rows need a key of their own; add columns to the order that tell them apart.",
  ),
  AURA165: entry(
    400,
    'The values that the rows are ordered by are too long for a cursor.',
    'Order by shorter columns, or raise `server-max-url-length`.',
  ),
  AURA166: entry(
    400,
    'Pages by cursor need a secret to sign cursors with.',
    'Set `cursor-secret`, or a shared `jwt-secret`.',
  ),
  AURA150: entry(
    400,
    'PostgreSQL expects the read to cost more than `db-max-cost` or `db-max-aggregate-cost` allows; it was not run.',
    'Filter by columns that have an index, ask for fewer rows or embeds, or raise the setting.',
  ),
  // catalog (plan)
  PGRST200: entry(
    400,
    'No relationship leads from the one relation to the other.',
    'Add a foreign key or a computed relationship; after DDL the catalog must have been reloaded.',
  ),
  PGRST201: entry(
    300,
    'Several relationships lead to the embedded relation.',
    'Name one with `!hint`, as the hint lists them.',
  ),
  PGRST202: entry(
    404,
    'No function has this name and these parameters.',
    'Check names and parameters; functions with unnamed parameters need a single one.',
  ),
  PGRST203: entry(300, 'Several overloads of the function match.', 'Give their parameters different names.'),
  PGRST204: entry(
    400,
    'The relation has no column of this name.',
    'Check the keys of the body, or `columns`.',
  ),
  PGRST205: entry(
    404,
    'The relation is not in an exposed schema.',
    'Check its name and `db-schemas`; after DDL the catalog must have been reloaded.',
  ),
  AURA200: entry(
    403,
    'The relation is not protected by Row-Level Security and `require-rls` is on.',
    'Enable Row-Level Security on the table, make the view security_invoker, or waive the rule in its comment.',
  ),
  AURA201: entry(
    400,
    'Rows cannot be written along this relationship.',
    'Nested bodies follow foreign keys; write what a function or a read-only view shows in its own tables.',
  ),
  // GraphQL
  AURA300: entry(
    400,
    'The request is not a GraphQL request.',
    'Send a JSON object with `query` and, where needed, `variables` and `operationName`.',
  ),
  AURA301: entry(
    400,
    'The request holds too many operations.',
    'Send several requests, or raise `graphql-max-batch`.',
  ),
  AURA302: entry(415, 'The request is not JSON in UTF-8.', 'Send it with `Content-Type: application/json`.'),
  AURA303: entry(
    406,
    'The client accepts none of the media types of GraphQL.',
    'Accept `application/graphql-response+json` or `application/json`.',
  ),
  AURA304: entry(405, 'The method does not serve what is asked for.', 'Send mutations by POST.'),
  AURA305: entry(400, 'No trusted document has this id.', 'Send the document itself.'),
  AURA306: entry(
    403,
    'Only trusted documents are run, and this is none.',
    'Add it to the file of `graphql-documents`.',
  ),
  // channels
  AURA450: entry(
    400,
    'The client asks for a version of the protocol that is not spoken here.',
    'Connect with `vsn=1.0.0` or `vsn=2.0.0`.',
  ),
  AURA451: entry(
    503,
    'Channels are not installed in this database.',
    'Have sql/realtime/messages.sql, channels.sql and channel-grants.sql run by whoever may.',
  ),
  AURA452: entry(
    429,
    'More connections, channels, joins or messages than the settings allow, or than the database keeps up with.',
    'See the message for which; wait and try again, or raise the setting.',
  ),
  AURA453: entry(
    422,
    'The body of a broadcast is not as it must be.',
    'Send `{"messages": [{"topic", "event", "payload"}]}`, or one payload to the path of its topic and event.',
  ),
  AURA454: entry(
    413,
    'A message is larger than `realtime-max-message-size`.',
    'Send less, or raise the setting.',
  ),
  AURA455: entry(
    403,
    'The policies of realtime.messages do not let the caller send to this private channel.',
    'Write a policy for `insert`, or send as somebody else.',
  ),
  AURA456: entry(426, 'The path speaks WebSocket, and the request does not.', 'Use a WebSocket client.'),
  AURA457: entry(
    403,
    'A page of another origin than `server-cors-allowed-origins` names opens a WebSocket.',
    'Add its origin to the setting.',
  ),
  AURA458: entry(
    403,
    'Only private channels are served (`realtime-private-only`).',
    'Use a private channel: `config: { private: true }`, `private=true`.',
  ),
  AURA459: entry(404, 'The path names nothing of realtime.', 'Use /websocket or /api/broadcast.'),
  AURA460: entry(405, 'Broadcasts are sent by POST.', 'Use POST.'),
  AURA461: entry(
    415,
    'The payload of a broadcast is neither JSON nor bytes.',
    'Send `Content-Type: application/json` or `application/octet-stream`.',
  ),
  AURA462: entry(
    400,
    'The changes that a channel asks for cannot be followed, or its filter cannot be read.',
    'Name a table of an exposed schema, an event and a filter as docs/changes.md has them.',
  ),
  AURA463: entry(
    503,
    'Changes were lost to a channel, or its table is another one now: the channel is closed for clients to join again.',
    'Join again, and read the rows anew.',
  ),
  // realtime: live queries
  AURA400: entry(
    400,
    'What is asked for cannot be followed as a live query.',
    'Follow tables, by GET, without functions, aggregates and pages.',
  ),
  AURA401: entry(
    400,
    'Changes of the table are not captured.',
    'Add the table to the publication `aura`; it needs a primary key or a replica identity.',
  ),
  AURA402: entry(
    501,
    'The capture of changes is not installed in this database, or the login may not read it.',
    'Run `sql/realtime/capture.sql` and `sql/realtime/grants.sql`, as docs/realtime.md says.',
  ),
  AURA403: entry(
    400,
    'The live query has more rows than `realtime-max-rows` or `db-max-rows` allows.',
    'Filter, or set a limit.',
  ),
  AURA404: entry(
    503,
    'As many live queries are open as `realtime-max-streams` allows.',
    'Try again later, or raise the setting.',
  ),
  AURA405: entry(
    503,
    'The client read the events of a live query too slowly: it ends, and only its last event says so.',
    'Connect again with Last-Event-ID, or raise `realtime-max-buffer`.',
  ),
  AURA406: entry(
    503,
    'The server is being stopped: a live query ends, and only its last event says so.',
    'Connect again with Last-Event-ID.',
  ),
  // identity
  PGRST300: entry(500, 'A token was sent but the server has no secret to verify it.', 'Set `jwt-secret`.'),
  PGRST301: entry(
    401,
    'The token cannot be decoded or verified.',
    'Get a new token that is signed with a key of this server.',
  ),
  PGRST302: entry(
    401,
    'A token is needed: anonymous access is switched off.',
    'Send `Authorization: Bearer <token>`.',
  ),
  PGRST303: entry(
    401,
    'The claims of the token are not acceptable.',
    'Get a new token; check exp, nbf, iat and aud.',
  ),
  // anything else
  PGRSTX00: entry(
    500,
    'A defect of the server; the log has the details under the request id.',
    'Report it with the request id.',
  ),
} as const satisfies Record<string, CodeEntry>;

/** A code of the table. */
export type Code = keyof typeof codes;

/** An ApiError with the status that belongs to its code. */
export function apiError(
  code: Code,
  message: string,
  more: { details?: unknown; hint?: string | null; headers?: Record<string, string>; cause?: unknown } = {},
): ApiError {
  return new ApiError({ code, message, status: codes[code].status, ...more });
}
