import { connect, createServer, type Server, type Socket } from 'node:net';

/** What a link does with what passes through it. */
export type Weather = 'pass' | 'refuse' | 'hold' | 'slow' | '503' | '403';

/** Whose COMMIT loses its answer: that of a batch, or that of the lake. */
export type CommitOf = 'journal' | 'lake';

interface Pair {
  client: Socket;
  upstream: Socket;
  wrote: CommitOf | undefined;
  isCut: boolean;
}

const slowMs = 300;
const answerIsLateMs = 300;
const answer = (status: string) => `HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;
const answers: Partial<Record<Weather, string>> = { '503': answer('503 Slow Down'), '403': answer('403 Forbidden') };
const isCommit = /^Q[\s\S]{4}COMMIT/;

/**
 * The way from one daemon to one server: a proxy that can refuse, hold back, delay, answer 503, or
 * pass a COMMIT on and swallow its answer.
 */
export class Link {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #weather: Weather = 'pass';
  readonly #cutNext = new Set<CommitOf>();
  #target: () => number;
  /** How many COMMITs have lost their answer. */
  cuts = 0;

  private constructor(target: () => number) {
    this.#target = target;
    this.#server = createServer(client => this.#open(client));
  }

  /** @param target the port of the server, asked for each connection. */
  static async open(target: () => number): Promise<Link> {
    const link = new Link(target);
    await new Promise<void>(resolve => link.#server.listen(0, '0.0.0.0', resolve));
    return link;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Whether the server sees a connection of this link under a port. */
  hasPort(port: number): boolean {
    return [...this.#pairs].some(({ upstream }) => upstream.localPort === port);
  }

  /** The next COMMIT of this kind reaches PostgreSQL, and its answer goes nowhere. */
  cutAfterCommit(of: CommitOf, isArmed: boolean): void {
    if (isArmed) this.#cutNext.add(of);
    else this.#cutNext.delete(of);
  }

  set(weather: Weather): void {
    const before = this.#weather;
    this.#weather = weather;
    if (weather === 'refuse' || answers[weather] !== undefined) this.reset();
    if (before !== 'hold' && weather !== 'hold') return;
    for (const { client, upstream } of this.#pairs)
      for (const socket of [client, upstream]) weather === 'hold' ? socket.pause() : socket.resume();
  }

  /** Ends every connection. */
  reset(): void {
    for (const { client, upstream } of this.#pairs) {
      client.resetAndDestroy();
      upstream.destroy();
    }
  }

  close(): void {
    this.reset();
    this.#server.close();
  }

  #open(client: Socket): void {
    client.on('error', () => {});
    if (this.#weather === 'refuse') return void client.resetAndDestroy();
    const says = answers[this.#weather];
    if (says !== undefined) return void client.on('data', () => client.end(says));
    const upstream = connect(this.#target(), '127.0.0.1').on('error', () => {});
    const pair: Pair = { client, upstream, wrote: undefined, isCut: false };
    this.#pairs.add(pair);
    client.on('data', data => this.#fromClient(pair, data));
    upstream.on('data', data => {
      if (!pair.isCut) this.#pass(client, data);
    });
    client.on('close', () => {
      if (!pair.isCut) upstream.destroy();
      this.#pairs.delete(pair);
    });
    upstream.on('close', () => client.destroy());
    if (this.#weather === 'hold') for (const socket of [client, upstream]) socket.pause();
  }

  #fromClient(pair: Pair, data: Buffer): void {
    const text = data.toString('latin1');
    if (text.includes('INSERT INTO bus.jobs')) pair.wrote = 'journal';
    if (/INSERT INTO .{0,20}ducklake_snapshot\W/.test(text)) pair.wrote = 'lake';
    this.#pass(pair.upstream, data);
    if (!isCommit.test(text)) return;
    if (pair.wrote !== undefined && this.#cutNext.delete(pair.wrote)) this.#cut(pair);
    pair.wrote = undefined;
  }

  #cut(pair: Pair): void {
    this.cuts++;
    pair.isCut = true;
    setTimeout(() => {
      pair.client.resetAndDestroy();
      pair.upstream.destroy();
    }, answerIsLateMs);
  }

  #pass(to: Socket, data: Buffer): void {
    if (this.#weather === 'slow') setTimeout(() => to.write(data), slowMs);
    else to.write(data);
  }
}
