/** What a data folder says of the lives of its node. */
export interface FolderLife {
  /** Counts the starts. */
  readonly life: number;
  /** Part of the name under which the node makes versions. */
  readonly incarnation: number;
  /** The last life ended with everything synced. */
  readonly cleanShutdown: boolean;
}

/**
 * How lives follow one another. After an unclean end the node may have forgotten un-synced writes of its own and must not claim to have seen them: it
 * writes under another name (riak_kv#679). Servers keep this in a file, the simulator in its machines.
 */
export const folderLives = {
  /** The next start. */
  begin({ life, incarnation, cleanShutdown }: FolderLife): FolderLife {
    return {
      life: life + 1,
      incarnation: cleanShutdown ? incarnation : incarnation + 1,
      cleanShutdown: false,
    };
  },

  /** Others remember a later life, or a higher incarnation: the next is above both. */
  outlive(found: FolderLife, by: { readonly life: number; readonly incarnation: number }): FolderLife {
    return {
      ...found,
      life: Math.max(by.life, found.life),
      incarnation: Math.max(by.incarnation, found.incarnation) + 1,
    };
  },
};
