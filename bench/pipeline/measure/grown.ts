import { round } from '../../ingress/measure/statistics.ts';
import type { StatementPages } from './postgres.ts';

/** A statement that reads more pages a call than it did; null if it did not run before. */
export interface Grown {
  text: string;
  pagesBefore: number | null;
  pagesAfter: number;
  msBefore: number | null;
  msAfter: number;
  calls: number;
}

/** The `most` statements whose growth cost the most pages in all. */
export function grownMost(before: readonly StatementPages[], after: readonly StatementPages[], most: number): Grown[] {
  const earlier = byId(before);
  const each = (sum: number, calls: number): number => round(sum / calls, 2);
  return [...byId(after).values()]
    .map(({ id, text, calls, pages, ms }) => {
      const known = earlier.get(id);
      const [pagesBefore, msBefore] =
        known === undefined ? [null, null] : [each(known.pages, known.calls), each(known.ms, known.calls)];
      return {
        text: withoutParameters(text),
        calls,
        pagesBefore,
        msBefore,
        pagesAfter: each(pages, calls),
        msAfter: each(ms, calls),
      };
    })
    .filter(({ pagesBefore, pagesAfter }) => pagesAfter > (pagesBefore ?? 0))
    .sort((a, b) => addedPages(b) - addedPages(a))
    .slice(0, most);
}

const addedPages = ({ calls, pagesBefore, pagesAfter }: Grown): number => calls * (pagesAfter - (pagesBefore ?? 0));

/** A statement has an entry for each role that ran it. */
function byId(statements: readonly StatementPages[]): Map<string, StatementPages> {
  const sums = new Map<string, StatementPages>();
  for (const { id, text, calls, pages, ms } of statements) {
    const sum = sums.get(id) ?? { calls: 0, pages: 0, ms: 0 };
    sums.set(id, { id, text, calls: sum.calls + calls, pages: sum.pages + pages, ms: sum.ms + ms });
  }
  return sums;
}

const withoutParameters = (text: string): string => text.replaceAll(/(?:\$\d+(?:::\w+(?:\[\])?)?(?:, )?)+/g, '…');
