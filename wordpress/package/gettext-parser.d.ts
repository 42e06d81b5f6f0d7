declare module 'gettext-parser' {
  export interface Translation {
    msgid: string;
    msgstr: string[];
    comments?: { extracted?: string; reference?: string };
  }
  export interface Catalogue {
    charset: string;
    headers: Record<string, string>;
    translations: Record<string, Record<string, Translation>>;
  }
  export const po: {
    parse: (text: string) => Catalogue;
    compile: (catalogue: Catalogue, options?: { foldLength?: number }) => Uint8Array;
  };
  export const mo: { compile: (catalogue: Catalogue) => Uint8Array };
}
