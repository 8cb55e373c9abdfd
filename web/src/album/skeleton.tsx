// An album that is on its way.

import { SkeletonLines } from "../parts/empty";

export function AlbumSkeleton() {
  return (
    <div class="album-page">
      <div class="album-head">
        <div class="album-cover">
          <span class="cover skeleton" />
        </div>
        <div class="album-words">
          <SkeletonLines count={3} />
        </div>
      </div>
      <SkeletonLines count={9} />
    </div>
  );
}
