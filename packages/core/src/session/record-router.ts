/**
 * From a record's header to the handlers of its event. The fact that is easy to get wrong: a record
 * that no schema explains (unknown number, wrong size) is counted as `malformed`, never skipped in
 * silence and never decoded.
 */
import { UsageError } from '../errors.js';
import { FRAMEWORK_EVENTS, type ProbeIr } from '../schema/index.js';
import type { RecordHandler } from '../ringbuf/index.js';
import type { AnyEventHandler, EventHandler } from './session-types.js';

/** Event numbers per probe: the high byte says which probe, the low byte which event. */
export const EVENTS_PER_PROBE = 256;

interface Route {
  readonly probe: string;
  readonly event: string;
  readonly sizeBytes: number;
  readonly flexible: boolean;
  handlers: readonly EventHandler[];
}

interface ProbeRoutes {
  readonly name: string;
  readonly routes: readonly Route[];
  malformed: number;
}

/** Knows every event of the session's probes; `route` is the ring's record handler. */
export class RecordRouter {
  readonly #probes: ProbeRoutes[] = [];
  #any: readonly AnyEventHandler[] = [];
  #unknown = 0;
  #copies: RecordHandler | undefined;

  /** Adds a probe and returns the number of its first event. */
  add(ir: ProbeIr): number {
    const routes: Route[] = [];
    for (const event of ir.events) {
      routes[event.index] = {
        probe: ir.name,
        event: event.name,
        sizeBytes: event.struct.sizeBytes,
        flexible: event.struct.fields.some(field => field.type.kind === 'flexible'),
        handlers: [],
      };
    }
    this.#probes.push({ name: ir.name, routes, malformed: 0 });
    return (this.#probes.length - 1) * EVENTS_PER_PROBE;
  }

  /** Adds a handler. Throws UsageError for a probe or event that the session does not have. */
  on(probe: string, event: string, handler: EventHandler): void {
    const routes = this.#probes.find(each => each.name === probe)?.routes;
    const route = routes?.find(each => each?.event === event);
    if (route === undefined) {
      throw new UsageError(`listen to event ${event} of probe ${probe}: the session has no such`);
    }
    route.handlers = [...route.handlers, handler];
  }

  /** Adds a handler for all events. */
  onAny(handler: AnyEventHandler): void {
    this.#any = [...this.#any, handler];
  }

  /** Sets who takes the framework's own records: copies of stacks. */
  onStackCopy(handler: RecordHandler): void {
    this.#copies = handler;
  }

  /** Records of this probe's numbers that no event of its schema fits. */
  malformed(probe: string): number {
    return this.#probes.find(each => each.name === probe)?.malformed ?? 0;
  }

  /** All malformed records, those of no known probe included. */
  get malformedTotal(): number {
    return this.#probes.reduce((sum, each) => sum + each.malformed, this.#unknown);
  }

  /** Hands one record of `sizeBytes` to its handlers, or counts it as malformed. */
  readonly route = (view: DataView, offset: number, sizeBytes: number): void => {
    if (sizeBytes < 16) {
      this.#unknown++;
      return;
    }
    const number = view.getUint16(offset, true);
    if (number === FRAMEWORK_EVENTS && this.#copies !== undefined) {
      this.#copies(view, offset, sizeBytes);
      return;
    }
    const probe = this.#probes[number >>> 8];
    if (probe === undefined) {
      this.#unknown++;
      return;
    }
    const route = probe.routes[number & 0xff];
    const fits =
      route !== undefined &&
      view.getUint32(offset + 4, true) === sizeBytes &&
      (sizeBytes === route.sizeBytes || (route.flexible && sizeBytes >= route.sizeBytes));
    if (!fits) {
      probe.malformed++;
      return;
    }
    for (const handler of route.handlers) handler(view, offset);
    for (const handler of this.#any) handler(route.probe, route.event, view, offset);
  };
}
