/** Which sites may have something due, as far as this process was told: what the next round looks at. */
export interface Agenda {
  /** A result's message came: resolves to true once this process has claimed its delivery, else to false after the next round. */
  announce: (siteId: string, resultId: string) => Promise<boolean>;
  /** These sites have something due. */
  add: (siteIds: Iterable<string>) => void;
  /** Nothing more is known to be due for these sites, except for those that were told of since the round began. */
  remove: (siteIds: Iterable<string>) => void;
  /** True while there is a site to look at. */
  isOpen: () => boolean;
  /** Begins a round: its sites, announced ones among them, and the way to answer those announcements. */
  begin: () => { siteIds: string[]; answer: (claimed: ReadonlySet<string>) => void };
}

interface Announcement {
  resultId: string;
  resolve: (isClaimed: boolean) => void;
}

export function createAgenda(): Agenda {
  const sites = new Set<string>();
  /** Told of since the last round began: that round's claim may have come before what they have due. */
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
