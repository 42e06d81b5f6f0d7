import type { Publisher } from '@pressferry/jetstream';
import { activeContext, activeTraceparent, inSpan, isTracing, SpanKind } from '@pressferry/runtime';
import type { Route } from './http/dispatch.ts';
import { isRefusal } from './http/refusal.ts';

/** Makes each request of a route a span of the given name, where an SDK takes spans; else the route stays as it is. */
export function traceRoute(name: string, route: Route): Route {
  if (!isTracing()) return route;
  return (exchange) =>
    inSpan(name, SpanKind.INTERNAL, activeContext(), async (span) => {
      const answer = await route(exchange);
      span.setAttribute('pressferry.outcome', answer === null ? 'aborted' : outcomeOf(answer));
      return answer;
    });
}

const outcomeOf = (answer: Exclude<Awaited<ReturnType<Route>>, null>): string =>
  isRefusal(answer) ? answer.refused : answer.outcome;

/** Makes each write a span "publish <stream>" and its message a child of it, where an SDK takes spans; else changes nothing. */
export function tracePublisher(publisher: Publisher): Publisher {
  if (!isTracing()) return publisher;
  return {
    ...publisher,
    publish: (subject, payload, headers) => {
      const stream = subject.startsWith('pf.event.') ? 'EVENTS' : 'REPLAY';
      return inSpan(`publish ${stream}`, SpanKind.PRODUCER, activeContext(), async (span) => {
        span.setAttributes({ 'messaging.system': 'nats', 'messaging.destination.name': stream });
        const traceparent = headers.traceparent === undefined ? undefined : activeTraceparent();
        const traced = traceparent === undefined ? headers : { ...headers, traceparent };
        const outcome = await publisher.publish(subject, payload, traced);
        span.setAttribute('pressferry.outcome', outcome.kind);
        return outcome;
      });
    },
  };
}
