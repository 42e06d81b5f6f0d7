import type { Catalogue } from '@pressferry/contracts';
import type { FindRoute, Route } from './http/dispatch.ts';
import { refuse } from './http/refusal.ts';
import { type IngestDeps, ingest } from './ingest/handle.ts';
import { type StateDeps, showState } from './ingest/state.ts';
import { buildOpenApi } from './openapi/index.ts';
import { traceRoute } from './tracing.ts';

export interface RouteDeps {
  ingest: IngestDeps;
  state: StateDeps;
  catalogue: () => Catalogue;
}

/** The routes of ingress: two of events, and their description. */
export function createRoutes(deps: RouteDeps): FindRoute {
  const takeEvent = traceRoute('receive event', (exchange) => ingest(exchange, deps.ingest));
  const state: Route = (exchange) => showState(exchange, deps.state);
  const describe = describing(deps.catalogue);
  return (method, path) => {
    if (path === '/ingest') return method === 'POST' ? takeEvent : notAllowed('POST');
    if (path === '/openapi.json') return method === 'GET' ? describe : notAllowed('GET');
    if (path.startsWith('/ingest/')) return method === 'GET' ? state : notAllowed('GET');
    return refuse('not_found');
  };
}

const notAllowed = (allow: string) => refuse('method_not_allowed', { headers: { allow } });

/** Builds the description once for each catalogue that comes into force. */
function describing(catalogue: () => Catalogue): Route {
  let described: Catalogue | undefined;
  let json = '';
  return () => {
    const current = catalogue();
    if (current !== described) {
      json = JSON.stringify(buildOpenApi(current));
      described = current;
    }
    return { outcome: 'answered', status: 200, json };
  };
}
