import { browse } from "./browse.js";
import { takeUploads } from "./uploads.js";

document.documentElement.classList.add("scripted");
browse();
const section = document.getElementById("uploads");
if (section) {
  await takeUploads(section);
}
