/**
 * The wire types of the console's API, as the server's OpenAPI document gives them.
 * Times are RFC 3339 strings; durations and sizes carry their unit in the name.
 */

/** RFC 9457 problem document: what every refused request answers. */
export interface Problem {
  type?: string;
  title: string;
  status: number;
  detail?: string;
  requestId?: string;
}

/** How the page is to sign in: `dev` hands out its published token, `serve` does not. */
export interface Session {
  mode: 'dev' | 'serve';
  token?: string;
  namespace?: string;
  version?: string;
}

export interface Login {
  token: string;
  expiresAt: string | null;
}

/** One page of a list; a null or absent cursor means that it was the last one. */
export interface Page<T> {
  items: T[];
  nextCursor?: string | null;
}

export type SystemState = 'ready' | 'idle' | 'failed';

/** An address where a system answers its own protocol. */
export interface Door {
  name: string;
  url: string;
}

export interface SystemOverview {
  name: string;
  state: SystemState;
  detail?: string | null;
  doors: Door[];
  requestsPerSecond: number;
  errorsPerSecond: number;
  /** Latency percentiles in microseconds; absent until the first request. */
  p50Us?: number | null;
  p99Us?: number | null;
  requestsTotal: number;
  errorsTotal: number;
}

export interface Overview {
  version: string;
  mode: string;
  uptimeSeconds: number;
  namespaces: number;
  process: { rssBytes: number; cpuSeconds: number; threads: number };
  systems: SystemOverview[];
}

export interface Namespace {
  name: string;
  createdAt: string | null;
  bytes: number;
  open: boolean;
}

export interface Token {
  id: string;
  name: string;
  scopes: string[];
  namespace: string;
  createdAt: string;
  expiresAt?: string | null;
  lastUsedAt?: string | null;
  revokedAt?: string | null;
}

/** The answer to making a token; the only time that its secret is shown. */
export interface NewToken extends Token {
  secret: string;
}

export interface TokenRequest {
  name: string;
  scopes: string[];
  namespace: string;
  expiresInSeconds?: number;
}

export interface AuditEntry {
  at: string;
  principal: string;
  action: string;
  subject: string;
  detail?: string | null;
}

export const redirectKinds = [301, 302, 307, 308] as const;
export type RedirectKind = (typeof redirectKinds)[number];

/** What names a link: its code, and its branded domain if it has one. */
export interface LinkName {
  code: string;
  domain?: string | null;
}

export interface Link {
  shortURL: string;
  code: string;
  domain?: string | null;
  longUrl: string;
  title?: string | null;
  tags: string[];
  createdAt: string;
  updatedAt: string;
  /** Empty when nobody gave a credential. */
  createdBy: string;
  validFrom?: string | null;
  /** Absent: six months after its last use. */
  expiresAt?: string | null;
  lastUsedAt: string;
  clicks: number;
  redirect: RedirectKind;
  forwardQuery: boolean;
  passwordProtected: boolean;
  maxVisits?: number | null;
  visitsLeft?: number | null;
  state: 'active' | 'deleted' | 'blocked';
}

/** What a link is made from; an absent field takes the server's default. */
export interface LinkRequest {
  longUrl: string;
  alias?: string;
  domain?: string;
  validFrom?: string;
  expires?: string;
  title?: string;
  tags?: string[];
  password?: string;
  maxVisits?: number;
  redirect?: RedirectKind;
  forwardQuery?: boolean;
  /** A code of its own even though the address has one. */
  private?: boolean;
}

/** A change to a link; an absent field stays as it is and `null` clears it. */
export interface LinkChange {
  longUrl?: string;
  title?: string | null;
  tags?: string[];
  validFrom?: string | null;
  expires?: string | null;
  password?: string | null;
  maxVisits?: number | null;
  redirect?: RedirectKind;
  forwardQuery?: boolean;
}

export const bucketSizes = ['hour', 'day', 'week', 'month'] as const;
export type BucketSize = (typeof bucketSizes)[number];

export interface ClickBucket {
  at: string;
  people: number;
  bots: number;
  /** Those of both that came by QR code. */
  scans: number;
}

export interface Facet {
  value: string;
  clicks: number;
}

export interface LinkStats {
  /** Of people and bots. */
  total: number;
  people: number;
  bots: number;
  /** Those of both that came by QR code. */
  scans: number;
  uniqueVisitors: number;
  buckets: ClickBucket[];
  referrers: Facet[];
  countries: Facet[];
  devices: Facet[];
  browsers: Facet[];
  systems: Facet[];
}

export interface Visit {
  at: string;
  /** Host of the referring page, `direct` or `other`. */
  referrer: string;
  country: string;
  device: string;
  browser: string;
  system: string;
  bot: boolean;
  /** Whether by QR code. */
  scan: boolean;
}

export interface ImportReport {
  imported: number;
  existing: number;
  refused: { line: number; reason: string }[];
}

export const exportFormats = ['csv', 'jsonl', 'nginx', 'caddy'] as const;
export type ExportFormat = (typeof exportFormats)[number];
export type QrFormat = 'svg' | 'png';

/** An id as this namespace reads it. */
export interface OwnId {
  id: string;
  timestampMs: number;
  utc: string;
  datacenter: number;
  machine: number;
  sequence: number;
}

/** An id as a format of others has it. */
export interface IdReading {
  format: string;
  utc: string | null;
  fields: { name: string; value: string }[];
  /** Whether its time can be true. */
  plausible: boolean;
}

export interface Decoded {
  own: OwnId | null;
  readings: IdReading[];
}

/** A place that a generator has or had. */
export interface IdWorker {
  datacenter: number;
  machine: number;
  issuedUntilMs: number;
  leasedUntil: string;
  claims: number;
}

export interface IdStatus {
  /** Null before the first id, like `machine`. */
  datacenter: number | null;
  machine: number | null;
  clockStepUs: number;
  epochLeftDays: number;
  layout: {
    epochMs: number;
    timestampBits: number;
    datacenterBits: number;
    machineBits: number;
    sequenceBits: number;
  };
  workers: IdWorker[];
}

/** What a gateway would ask of a request. */
export interface LimitAsk {
  domain: string;
  descriptors: { entries: { key: string; value: string }[] }[];
}

/** What one rule says of a request. */
export interface LimitStatus {
  code: string;
  /** Absent where none applies. */
  rule?: string;
  limit?: number;
  periodS?: number;
  remaining?: number;
  /** Seconds until the whole limit is there again. */
  resetS?: number;
  /** Until the next free instant; 0 is now, absent is never. */
  freeInUs?: number;
  shadow: boolean;
}

/** A rule and what it decided so far, in hits. */
export interface LimitRule {
  rule: string;
  name?: string | null;
  /** Absent where everything passes. */
  requestsPerUnit?: number | null;
  periodS?: number | null;
  /** Whether it only reports. */
  shadow: boolean;
  allowed: number;
  denied: number;
  shadowed: number;
  queued: number;
  /** Decided without the shared store. */
  failed: number;
}

export interface LimitRules {
  rules: LimitRule[];
  files: string[];
  /** Why the files as they are now are not in force. */
  refused?: string | null;
}

/** What other rules would have decided on recorded decisions. */
export interface LimitRehearsal {
  decisions: number;
  spanS: number;
  admittedThen: number;
  admittedNow: number;
  newlyDenied: number;
  newlyAdmitted: number;
}

export interface LimitOffender {
  who: string;
  denied: number;
  /** By how much `denied` may be too high. */
  overstated: number;
}
