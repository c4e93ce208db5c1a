import { labError } from '../errors.js';
import { drawdownFromPeak, type Indicator } from '../indicators.js';
import { openPosition, type Position, snapshotOf, type Trigger, trail, triggerIn } from './position.js';
import type { Preset } from './preset.js';
import type { Bar, SimulationEvent, SimulationResult } from './records.js';
import { makeStrategy, type Strategy, type TokenSignal } from './strategy.js';

/**
 * Simulates a preset over the bars of one or more tokens, which share one pot of cash. Long only,
 * at most one position per token.
 *
 * The order of steps prevents looking ahead. A strategy sees a bar's close. Its orders fill at the
 * open of the token's next bar. After that open, the bar's range may reach a stop or the take
 * profit. Then the bar closes. Bars of one moment are processed in the order of the tokens' names.
 *
 * @param barsByToken bars sorted by time.
 * @param signals the signals of a preset of the type `signals`; only that type needs them.
 * @throws LabError `BARS_INVALID`, `SIGNALS_MISSING`.
 */
export function simulate(
  preset: Preset,
  barsByToken: ReadonlyMap<string, readonly Bar[]>,
  signals?: readonly TokenSignal[],
): SimulationResult {
  if (preset.strategy.type === 'signals' && signals === undefined)
    throw labError('SIGNALS_MISSING', `The preset ${preset.name} needs signals, but none were passed.`);
  const book = new Book(preset, signals ?? []);
  for (const [tokenId, bar] of inTimeOrder(barsByToken)) book.take(tokenId, bar);
  return book.result();
}

/** Every bar with its token, by time, then by token. */
function inTimeOrder(barsByToken: ReadonlyMap<string, readonly Bar[]>): [string, Bar][] {
  const all: [string, Bar][] = [];
  for (const [tokenId, bars] of barsByToken) {
    bars.forEach((bar, i) => {
      const before = bars[i - 1];
      if (before !== undefined && before.timestamp >= bar.timestamp)
        throw labError('BARS_INVALID', `The bars of ${tokenId} are not in order at ${bar.timestamp.toISOString()}.`);
      if (!(bar.low > 0 && bar.high >= Math.max(bar.open, bar.close) && bar.low <= Math.min(bar.open, bar.close)))
        throw labError(
          'BARS_INVALID',
          `The bar of ${tokenId} at ${bar.timestamp.toISOString()} has impossible prices.`,
        );
      all.push([tokenId, bar]);
    });
  }
  return all.sort(([a, x], [b, y]) => x.timestamp.getTime() - y.timestamp.getTime() || (a < b ? -1 : 1));
}

/** The state of one token. */
interface TokenState {
  strategy: Strategy;
  position: Position | undefined;
  /** Decided at the last close, to be filled at the next open. */
  pending: 'enter' | 'exit' | undefined;
  lastClose: number;
}

/** Cash, positions, and all records. */
class Book {
  readonly #preset: Preset;
  readonly #signals: ReadonlyMap<string, readonly TokenSignal[]>;
  readonly #tokens = new Map<string, TokenState>();
  readonly #fills: SimulationResult['fills'] = [];
  readonly #positions: SimulationResult['positions'] = [];
  readonly #events: SimulationEvent[] = [];
  readonly #equity: SimulationResult['equity'] = [];
  readonly #drawdown: Indicator;
  #cash: number;
  #realized = 0;
  #fees = 0;
  #wins = 0;
  #trades = 0;
  #bars = 0;
  #maxDrawdown = 0;
  /** The start of the bars that are being processed. */
  #moment: Date | undefined;

  constructor(preset: Preset, signals: readonly TokenSignal[]) {
    this.#preset = preset;
    this.#signals = byToken(signals);
    this.#cash = preset.capital;
    this.#drawdown = drawdownFromPeak(preset.capital);
  }

  take(tokenId: string, bar: Bar): void {
    if (this.#moment !== undefined && this.#moment < bar.timestamp) this.#markEquity(this.#moment);
    this.#moment = bar.timestamp;
    const state = this.#stateOf(tokenId, bar);
    this.#bars++;
    this.#fillAtOpen(tokenId, state, bar);
    if (state.position !== undefined) {
      const trigger = triggerIn(state.position, bar);
      if (trigger !== undefined) this.#close(state, bar, trigger);
      else trail(state.position, bar, this.#preset);
    }
    state.lastClose = bar.close;
    if (state.position !== undefined) this.#positions.push(snapshotOf(state.position, bar));
    this.#decide(tokenId, state, bar);
  }

  result(): SimulationResult {
    if (this.#moment !== undefined) this.#markEquity(this.#moment);
    const finalEquity = this.#equity.at(-1)?.equity ?? this.#cash;
    return {
      fills: this.#fills,
      positions: this.#positions,
      events: this.#events,
      equity: this.#equity,
      summary: {
        preset: this.#preset.name,
        capital: this.#preset.capital,
        finalEquity,
        totalReturn: finalEquity / this.#preset.capital - 1,
        maxDrawdown: this.#maxDrawdown,
        trades: this.#trades,
        winRate: this.#trades === 0 ? 0 : this.#wins / this.#trades,
        fees: this.#fees,
        openPositions: [...this.#tokens.values()].filter(state => state.position !== undefined).length,
        bars: this.#bars,
      },
    };
  }

  #stateOf(tokenId: string, bar: Bar): TokenState {
    let state = this.#tokens.get(tokenId);
    if (state === undefined) {
      state = {
        strategy: makeStrategy(this.#preset.strategy, this.#signals.get(tokenId)),
        position: undefined,
        pending: undefined,
        lastClose: bar.open,
      };
      this.#tokens.set(tokenId, state);
    }
    return state;
  }

  #fillAtOpen(tokenId: string, state: TokenState, bar: Bar): void {
    const { pending } = state;
    state.pending = undefined;
    if (pending === 'enter') this.#enter(tokenId, state, bar);
    else if (pending === 'exit') this.#close(state, bar, { price: bar.open, reason: 'strategy', slips: true });
  }

  #enter(tokenId: string, state: TokenState, bar: Bar): void {
    const { sizing, feeBps, slippageBps } = this.#preset;
    const wanted = sizing.type === 'fraction' ? this.#cash * sizing.fraction : sizing.quote;
    if (wanted > this.#cash || wanted <= 0) {
      this.#record({
        type: 'signal',
        token_id: tokenId,
        ts: bar.timestamp,
        price: bar.open,
        size: 0,
        pnl: 0,
        reason: 'no-cash',
      });
      return;
    }
    const price = bar.open * (1 + slippageBps / 10_000);
    // The fee is part of the budget, so that a position never costs more than its budget.
    const amount = wanted / (1 + feeBps / 10_000);
    const size = amount / price;
    const fees = wanted - amount;
    this.#cash -= wanted;
    this.#fees += fees;
    state.position = openPosition(tokenId, bar.timestamp, price, size, wanted, this.#preset);
    this.#fills.push({ token_id: tokenId, ts: bar.timestamp, side: 'buy', price, size, quote_amount: amount, fees });
    this.#record({ type: 'entry', token_id: tokenId, ts: bar.timestamp, price, size, pnl: 0, reason: 'strategy' });
  }

  #close(state: TokenState, bar: Bar, trigger: Trigger): void {
    const { position } = state;
    if (position === undefined) return;
    const { feeBps, slippageBps } = this.#preset;
    const price = trigger.slips ? trigger.price * (1 - slippageBps / 10_000) : trigger.price;
    const amount = price * position.size;
    const fees = (amount * feeBps) / 10_000;
    const pnl = amount - fees - position.cost;
    this.#cash += amount - fees;
    this.#fees += fees;
    this.#realized += pnl;
    this.#trades++;
    if (pnl > 0) this.#wins++;
    state.position = undefined;
    const { tokenId: token_id, size } = position;
    this.#fills.push({ token_id, ts: bar.timestamp, side: 'sell', price, size, quote_amount: amount, fees });
    this.#record({ type: 'exit', token_id, ts: bar.timestamp, price, size, pnl, reason: trigger.reason });
  }

  #decide(tokenId: string, state: TokenState, bar: Bar): void {
    const signal = state.strategy(bar.close, bar.timestamp);
    const acts =
      (signal === 'enter' && state.position === undefined) || (signal === 'exit' && state.position !== undefined);
    if (!acts) return;
    state.pending = signal;
    this.#record({
      type: 'signal',
      token_id: tokenId,
      ts: bar.timestamp,
      price: bar.close,
      size: 0,
      pnl: 0,
      reason: 'strategy',
    });
  }

  #record(event: Omit<SimulationEvent, 'pnl_so_far'>): void {
    this.#events.push({ ...event, pnl_so_far: this.#realized });
  }

  /**
   * Runs only once all bars of a moment have closed. Before that, some tokens would still have
   * their previous closes.
   */
  #markEquity(ts: Date): void {
    let positions_value = 0;
    for (const { position, lastClose } of this.#tokens.values())
      if (position !== undefined) positions_value += position.size * lastClose;
    const equity = this.#cash + positions_value;
    const drawdown = this.#drawdown(equity) ?? 0;
    this.#maxDrawdown = Math.max(this.#maxDrawdown, -drawdown);
    this.#equity.push({ ts, cash: this.#cash, positions_value, equity, drawdown });
  }
}

function byToken(signals: readonly TokenSignal[]): Map<string, TokenSignal[]> {
  const groups = new Map<string, TokenSignal[]>();
  for (const signal of signals) {
    const group = groups.get(signal.token_id);
    if (group === undefined) groups.set(signal.token_id, [signal]);
    else group.push(signal);
  }
  return groups;
}
