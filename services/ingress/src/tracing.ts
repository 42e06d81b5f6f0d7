import type { Publisher } from '@pressferry/jetstream';
import { activeContext, activeTraceparent, inSpan, isTracing, SpanKind } from '@pressferry/runtime';
import { type Answer, outcomeOf } from './model.ts';

/** Runs `work` in a span of the given name, if an SDK records spans. */
export function traceWork(name: string, work: () => Promise<Answer>): Promise<Answer> {
  if (!isTracing()) return work();
  return inSpan(name, SpanKind.INTERNAL, activeContext(), async (span) => {
    const answer = await work();
    span.setAttribute('pressferry.outcome', outcomeOf(answer));
    return answer;
  });
}

/** Makes each write a span "publish <stream>" and its message a child, if an SDK records spans. */
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
