import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';

/** By OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG; every trace by default. */
export function samplerOf(env: NodeJS.ProcessEnv): Sampler {
  const { OTEL_TRACES_SAMPLER: name = 'parentbased_always_on', OTEL_TRACES_SAMPLER_ARG: argument } = env;
  const isParentBased = name.startsWith('parentbased_');
  const root = rootOf(name.replace('parentbased_', ''), argument);
  return isParentBased ? new ParentBasedSampler({ root }) : root;
}

function rootOf(name: string, argument: string | undefined): Sampler {
  if (name === 'always_off') return new AlwaysOffSampler();
  if (name !== 'traceidratio') return new AlwaysOnSampler();
  const ratio = Number(argument ?? 1);
  return new TraceIdRatioBasedSampler(ratio >= 0 && ratio <= 1 ? ratio : 1);
}
