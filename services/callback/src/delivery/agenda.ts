/** The sites that may have something due, as this process knows them; the next round looks at them. */
export interface Agenda {
  /** Resolves to true once this process has claimed the result's delivery, else to false after the next round. */
  announce: (siteId: string, resultId: string) => Promise<boolean>;
  add: (siteIds: Iterable<string>) => void;
  /** Keeps sites that were added since the round began. */
  remove: (siteIds: Iterable<string>) => void;
  isOpen: () => boolean;
  /** Begins a round; `answer` resolves the announcements that came before it. */
  begin: () => { siteIds: string[]; answer: (claimed: ReadonlySet<string>) => void };
}

interface Announcement {
  resultId: string;
  resolve: (isClaimed: boolean) => void;
}

export function createAgenda(): Agenda {
  const sites = new Set<string>();
  /** Their deliveries may have come after the running round's claim. */
  const sinceBegun = new Set<string>();
  const tell = (siteId: string): void => {
    sites.add(siteId);
    sinceBegun.add(siteId);
  };
  let announcements: Announcement[] = [];
  return {
    announce: (siteId, resultId) => {
      tell(siteId);
      return new Promise((resolve) => void announcements.push({ resultId, resolve }));
    },
    add: (siteIds) => {
      for (const siteId of siteIds) tell(siteId);
    },
    remove: (siteIds) => {
      for (const siteId of siteIds) if (!sinceBegun.has(siteId)) sites.delete(siteId);
    },
    isOpen: () => sites.size > 0,
    begin: () => {
      const siteIds = [...sites];
      sinceBegun.clear();
      const asked = announcements;
      announcements = [];
      return {
        siteIds,
        answer: (claimed) => {
          for (const { resultId, resolve } of asked) resolve(claimed.has(resultId));
        },
      };
    },
  };
}
