"""Sentences of the interface, English and French, by the codes that answers carry beside them."""

from collections.abc import Mapping
from typing import Final

#: code → what a developer reads, in English and in French.
SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "membership_ended": (
        "The membership has ended or was never taken up.",
        "L’adhésion est terminée ou n’a jamais été acceptée.",
    ),
    "right_missing": (
        "The member does not hold the right.",
        "Le membre n’a pas ce droit.",
    ),
    "out_of_scope": (
        "The member’s right does not reach this contact.",
        "Le droit du membre ne s’étend pas à ce contact.",
    ),
    "out_of_tier": (
        "The member’s right does not reach this member.",
        "Le droit du membre ne s’étend pas à ce membre.",
    ),
    "not_assigned": (
        "The product is not assigned to the member.",
        "Le produit n’est pas attribué au membre.",
    ),
    "not_subscribed": (
        "The organisation does not subscribe the product.",
        "L’organisation n’a pas souscrit le produit.",
    ),
    "action_unknown": (
        "The product declares no such right; it may also ask for contacts.read and use.",
        "Le produit ne déclare pas ce droit ; il peut aussi demander contacts.read et use.",
    ),
    "action_not_for_resource": (
        "This action is not about a resource of this type: use is about the product, contacts.read about a contact.",
        "Cette action ne porte pas sur ce type de ressource : use porte sur le produit, contacts.read sur un contact.",
    ),
    "subject_unknown": (
        "Nobody in the organisation is known by this identifier.",
        "Personne dans l’organisation n’est connu sous cet identifiant.",
    ),
    "resource_unknown": (
        "The product knows no such resource in this organisation.",
        "Le produit ne connaît pas cette ressource dans cette organisation.",
    ),
    "organisation_unknown": (
        "No organisation that subscribes the product has this identifier or short name.",
        "Aucune organisation qui a souscrit le produit n’a cet identifiant ou ce nom court.",
    ),
    "organisation_needed": (
        "Name the organisation in context.organisation: there is more than one that could be meant.",
        "Indiquez l’organisation dans context.organisation : plusieurs sont possibles.",
    ),
    "subject_type_unknown": (
        "Subjects are of type member or account.",
        "Les sujets sont de type member ou account.",
    ),
    "subject_type_pairwise": (
        "The product knows people by identifiers of its own (pairwise), not resolved here: ask about members.",
        "Le produit connaît les personnes par ses propres identifiants (pairwise), inconnus ici : nommez des membres.",
    ),
    "resource_type_unknown": (
        "Resources are of type contact or product.",
        "Les ressources sont de type contact ou product.",
    ),
    "revision_from_the_future": (
        "context.revision is greater than any that the organisation has had: it comes from elsewhere.",
        "context.revision dépasse toutes celles que l’organisation a connues : elle vient d’ailleurs.",
    ),
    "product_closed": (
        "The product is closed. Its provider can open it again.",
        "Le produit est fermé. Son fournisseur peut le rouvrir.",
    ),
    "malformed_request": (
        "The request does not fit the specification; errors says where.",
        "La requête n’est pas conforme à la spécification ; errors indique où.",
    ),
    "content_type": (
        "The body must be JSON, and Content-Type application/json.",
        "Le corps doit être du JSON, et Content-Type application/json.",
    ),
    "not_json": (
        "The body is not valid JSON.",
        "Le corps n’est pas du JSON valide.",
    ),
    "too_large": (
        "The body is larger than 1 MiB.",
        "Le corps dépasse 1 Mio.",
    ),
    "too_often": (
        "The product asks more often than it may. Wait a second.",
        "Le produit pose ses questions plus souvent que prévu. Attendez une seconde.",
    ),
    "token_missing": (
        "Send an access token that the product got for itself (client_credentials): Authorization: Bearer …",
        "Envoyez un jeton d’accès que le produit a obtenu pour lui-même (client_credentials) : Authorization: Bearer …",
    ),
    "token_invalid": (
        "The access token is not one of ours, or was changed.",
        "Le jeton d’accès n’est pas l’un des nôtres, ou il a été modifié.",
    ),
    "token_expired": (
        "The access token has expired: get another one.",
        "Le jeton d’accès a expiré : obtenez-en un autre.",
    ),
    "token_of_a_person": (
        "This access token speaks for a person. Ask with one that the product got for itself (client_credentials).",
        "Ce jeton d’accès parle pour une personne. Utilisez celui du produit lui-même (client_credentials).",
    ),
    "token_bound": (
        "The access token is bound to a key: send it with the scheme DPoP and a proof made with that key (RFC 9449).",
        "Le jeton d’accès est lié à une clé : envoyez-le par DPoP avec une preuve faite avec cette clé (RFC 9449).",
    ),
    "proof_invalid": (
        "The DPoP proof is missing, used before, or not for this request, token and key (RFC 9449, 4.3).",
        "La preuve DPoP manque, a déjà servi, ou vaut pour autre chose que cette requête, ce jeton et cette clé.",
    ),
    "not_found": (
        "There is nothing at this address.",
        "Il n’y a rien à cette adresse.",
    ),
    "method_not_allowed": (
        "This address takes another method.",
        "Cette adresse attend une autre méthode.",
    ),
    "unavailable": (
        "Something that the answer needs cannot be reached. Ask again in a moment.",
        "Un élément nécessaire à la réponse est injoignable. Recommencez dans un instant.",
    ),
    "internal": (
        "Something went wrong here. Ask again; if it stays so, tell the portal’s operator the X-Request-ID.",
        "Une erreur s’est produite. Recommencez ; si elle persiste, donnez le X-Request-ID à l’exploitant du portail.",
    ),
}
#: What a person who was refused may be told, English and French. What is not here is the product’s business.
FOR_PEOPLE: Final[Mapping[str, tuple[str, str]]] = {
    "membership_ended": (
        "Your access to this organisation has ended.",
        "Votre accès à cette organisation a pris fin.",
    ),
    "right_missing": (
        "You do not have this right. An administrator of your organisation can give it to you.",
        "Vous n’avez pas ce droit. Un administrateur de votre organisation peut vous le donner.",
    ),
    "out_of_scope": (
        "Your right does not extend to this contact. An administrator of your organisation can extend it.",
        "Votre droit ne s’étend pas à ce contact. Un administrateur de votre organisation peut l’étendre.",
    ),
    "not_assigned": (
        "This product is not assigned to you. An administrator of your organisation can assign it.",
        "Ce produit ne vous est pas attribué. Un administrateur de votre organisation peut vous l’attribuer.",
    ),
}


def sentence(code: str, language: str) -> str:
    """What a developer reads; the code itself where there is no sentence."""
    english, french = SENTENCES.get(code, (code, code))
    return french if language == "fr" else english


def both(sentences: Mapping[str, tuple[str, str]], code: str) -> dict[str, str] | None:
    """A sentence by language, as `reason_admin` and `reason_user` hold it; None where there is none."""
    found = sentences.get(code)
    return {"en": found[0], "fr": found[1]} if found else None
