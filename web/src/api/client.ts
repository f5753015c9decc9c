/**
 * The one place that talks to the server. Every call either returns the decoded answer or throws
 * an `ApiError`; whether the server answers at all is reported to the connection listener.
 */
import type {
  AuditEntry, BucketSize, Decoded, ExportFormat, IdStatus, ImportReport, LimitAsk, LimitOffender,
  LimitRehearsal, LimitRules, LimitStatus, Link, LinkChange, LinkName, LinkRequest, LinkStats,
  Login, Namespace, NewToken, Overview, Page, Problem, QrFormat, Session, Token, TokenRequest,
  Visit,
} from './types';
import {
  decodePath, idsPath, linkPath, namespacePath, query, ruleFilePath, type IdWish,
} from '../lib/paths';

/** A refused request (with its problem document) or a server that did not answer (status 0). */
export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title);
    this.name = 'ApiError';
  }

  get unreachable(): boolean {
    return isUnreachable(this.problem);
  }
}

/** What the page wants to hear of every call, whoever made it. */
export interface ClientEvents {
  onReachable(reachable: boolean): void;
  onUnauthorized(): void;
}

interface Call {
  method?: string;
  json?: unknown;
  body?: BodyInit;
  signal?: AbortSignal | undefined;
}

/** A call that outlives this is taken for a dead server. */
const timeoutMs = 15_000;

export class ApiClient {
  constructor(
    private readonly events: ClientEvents,
    private readonly token: string | null = null,
  ) {}

  session(signal?: AbortSignal): Promise<Session> {
    return this.read('/platform/session', { signal });
  }

  login(user: string, password: string): Promise<Login> {
    return this.read('/platform/login', { method: 'POST', json: { user, password } });
  }

  overview(signal?: AbortSignal): Promise<Overview> {
    return this.read('/platform/overview', { signal });
  }

  namespaces(signal?: AbortSignal): Promise<Page<Namespace>> {
    return this.read('/platform/namespaces', { signal });
  }

  async createNamespace(name: string): Promise<void> {
    await this.send('/platform/namespaces', { method: 'POST', json: { name } });
  }

  async dropNamespace(name: string): Promise<void> {
    await this.send(namespacePath(name), { method: 'DELETE' });
  }

  async forkNamespace(name: string, to: string): Promise<void> {
    await this.send(`${namespacePath(name)}/fork`, { method: 'POST', json: { to } });
  }

  async resetNamespace(name: string): Promise<void> {
    await this.send(`${namespacePath(name)}/reset`, { method: 'POST' });
  }

  tokens(cursor?: string, signal?: AbortSignal): Promise<Page<Token>> {
    return this.read(`/platform/tokens${query({ cursor })}`, { signal });
  }

  createToken(request: TokenRequest): Promise<NewToken> {
    return this.read('/platform/tokens', { method: 'POST', json: request });
  }

  async revokeToken(id: string): Promise<void> {
    await this.send(`/platform/tokens/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }

  audit(cursor?: string, signal?: AbortSignal): Promise<Page<AuditEntry>> {
    return this.read(`/platform/audit${query({ cursor })}`, { signal });
  }

  /** `existed` tells an address that already had its link from a new one. */
  async createLink(request: LinkRequest): Promise<{ link: Link; existed: boolean }> {
    const response = await this.send('/shortener/shorturl', { method: 'POST', json: request });
    return { link: await decode<Link>(response), existed: response.status === 200 };
  }

  links(
    filter: { search?: string; tag?: string; cursor?: string },
    signal?: AbortSignal,
  ): Promise<Page<Link>> {
    return this.read(`/shortener/users/me/shorturls${query(filter)}`, { signal });
  }

  link(link: LinkName, signal?: AbortSignal): Promise<Link> {
    return this.read(linkPath(link), { signal });
  }

  changeLink(link: LinkName, change: LinkChange): Promise<Link> {
    return this.read(linkPath(link), { method: 'PUT', json: change });
  }

  async deleteLink(link: LinkName): Promise<void> {
    await this.send(linkPath(link), { method: 'DELETE' });
  }

  stats(
    link: LinkName,
    range: { from?: string; to?: string; bucket: BucketSize },
    signal?: AbortSignal,
  ): Promise<LinkStats> {
    return this.read(linkPath(link, '/stats', range), { signal });
  }

  visits(link: LinkName, cursor?: string, signal?: AbortSignal): Promise<Page<Visit>> {
    return this.read(linkPath(link, '/visits', { cursor }), { signal });
  }

  async qr(
    link: LinkName,
    image: { format: QrFormat; size: number },
    signal?: AbortSignal,
  ): Promise<Blob> {
    return (await this.send(linkPath(link, '/qr', image), { signal })).blob();
  }

  importLinks(file: Blob): Promise<ImportReport> {
    return this.read('/shortener/import?format=auto', { method: 'POST', body: file });
  }

  async exportLinks(format: ExportFormat): Promise<Blob> {
    return (await this.send(`/shortener/export${query({ format })}`, {})).blob();
  }

  makeIds(wish: IdWish): Promise<{ ids: string[] }> {
    return this.read(idsPath(wish), {});
  }

  decodeId(id: string, hidden: boolean): Promise<Decoded> {
    return this.read(decodePath(id, hidden), {});
  }

  idStatus(signal?: AbortSignal): Promise<IdStatus> {
    return this.read('/ids/status', { signal });
  }

  limitRules(signal?: AbortSignal): Promise<LimitRules> {
    return this.read('/limiter/rules', { signal });
  }

  limitOffenders(signal?: AbortSignal): Promise<{ offenders: LimitOffender[] }> {
    return this.read('/limiter/offenders', { signal });
  }

  /** A request over its limit is an answer here, not a failure. */
  async decideLimit(ask: LimitAsk): Promise<{ code: string; statuses: LimitStatus[] }> {
    const response = await this.exchange('/limiter/decide', { method: 'POST', json: ask });
    if (response.ok || response.status === 429) {
      this.events.onReachable(true);
      return decode(response);
    }
    throw new ApiError(await problemOf(response));
  }

  explainLimit(ask: LimitAsk): Promise<{ statuses: LimitStatus[] }> {
    return this.read('/limiter/explain', { method: 'POST', json: ask });
  }

  async ruleFile(file: string, signal?: AbortSignal): Promise<string> {
    return (await this.send(ruleFilePath(file), { signal })).text();
  }

  checkRuleFile(file: string, text: string): Promise<LimitRules> {
    return this.read(ruleFilePath(file, '/validate'), { method: 'POST', body: text });
  }

  replayRuleFile(file: string, text: string): Promise<LimitRehearsal> {
    return this.read(ruleFilePath(file, '/replay'), { method: 'POST', body: text });
  }

  async putRuleFile(file: string, text: string): Promise<void> {
    await this.send(ruleFilePath(file), { method: 'PUT', body: text });
  }

  async removeRuleFile(file: string): Promise<void> {
    await this.send(ruleFilePath(file), { method: 'DELETE' });
  }

  private async read<T>(path: string, call: Call): Promise<T> {
    return decode<T>(await this.send(path, call));
  }

  private async send(path: string, call: Call): Promise<Response> {
    const response = await this.exchange(path, call);
    if (response.ok) {
      this.events.onReachable(true);
      return response;
    }
    const error = new ApiError(await problemOf(response));
    this.events.onReachable(!error.unreachable);
    if (response.status === 401 && this.token !== null) {
      this.events.onUnauthorized();
    }
    throw error;
  }

  private async exchange(path: string, call: Call): Promise<Response> {
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal = call.signal ? AbortSignal.any([call.signal, deadline]) : deadline;
    try {
      return await fetch(path, { ...this.init(call), signal });
    } catch (cause) {
      // The page itself called it off: nothing is known about the server.
      if (call.signal?.aborted) {
        throw cause;
      }
      this.events.onReachable(false);
      throw new ApiError(unreachable);
    }
  }

  private init(call: Call): RequestInit {
    const headers = new Headers({ accept: 'application/json, application/problem+json, */*' });
    if (this.token !== null) {
      headers.set('authorization', `Bearer ${this.token}`);
    }
    const init: RequestInit = { method: call.method ?? 'GET', headers, cache: 'no-store' };
    if (call.json !== undefined) {
      headers.set('content-type', 'application/json');
      init.body = JSON.stringify(call.json);
    } else if (call.body !== undefined) {
      headers.set('content-type', 'application/octet-stream');
      init.body = call.body;
    }
    return init;
  }
}

/** True when nothing answered, or only a proxy in front of a dead server. */
export function isUnreachable(problem: Problem): boolean {
  return problem.status === 0;
}

const unreachable: Problem = {
  title: 'Backplane does not answer',
  status: 0,
  detail: 'The server did not answer. Check that it is running, then retry.',
};

/** Any thrown value as a problem, so that a page never has nothing to show. */
export function toProblem(cause: unknown): Problem {
  if (cause instanceof ApiError) {
    return cause.problem;
  }
  const detail = cause instanceof Error ? cause.message : String(cause);
  return { title: 'The console failed', status: 500, detail };
}

/** What a proxy answers for a dead server; a living one that refuses says so in a document. */
const gatewayStatuses = [502, 503, 504];

async function decode<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiError({
      title: 'The answer was not JSON',
      status: response.status,
      detail: `${new URL(response.url).pathname} answered something that is not JSON.`,
    });
  }
}

/** The problem document of a refusal, or the best that can be said without one. */
async function problemOf(response: Response): Promise<Problem> {
  const written = response.headers.get('content-type')?.includes('json') ?? false;
  if (!written && gatewayStatuses.includes(response.status)) {
    return unreachable;
  }
  const requestId = response.headers.get('x-request-id');
  const fallback: Problem = {
    title: response.statusText || `The server answered ${response.status}`,
    status: response.status,
    ...(requestId ? { requestId } : {}),
  };
  try {
    const body: unknown = await response.json();
    return typeof body === 'object' && body !== null
      ? { ...fallback, ...(body as Partial<Problem>), status: response.status }
      : fallback;
  } catch {
    return fallback;
  }
}
