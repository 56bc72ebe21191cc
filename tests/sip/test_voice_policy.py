"""What a machine has of codecs bounds what its legs offer and take."""

from __future__ import annotations

from hotline.sip.voice_terms import ANY_VOICE, SrtpKeys, VoicePolicy


def test_a_policy_leaves_out_what_the_machine_does_not_have() -> None:
    wide = VoicePolicy(("opus", "PCMA", "G722"), "required")
    assert wide.among(("PCMA", "PCMU", "G722")) == VoicePolicy(("PCMA", "G722"), "required")
    assert ANY_VOICE.among(ANY_VOICE.codecs) is ANY_VOICE


def test_keys_are_never_shown() -> None:
    assert "6b6579" not in repr(SrtpKeys("AES_CM_128_HMAC_SHA1_80", b"key", b"key"))
    assert "key'" not in repr(SrtpKeys("AES_CM_128_HMAC_SHA1_80", b"key", b"key"))
